"""Reads one source, gives each item its receipt, and sets the barriers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from .._wording import awaiting, describe
from ..errors import CheckpointError, EkspiperError, FlowFailed, PipelineError
from ..source import IterableSource, Position, Source
from .already_kept import AlreadyKept
from .barrier import Barrier
from .channel import END, Channel
from .receipt import Receipts
from .report import SourceReport

__all__ = ["SourceReader"]


class SourceReader:
    """Moves the items of a source into a channel.

    A source that never waits itself waits for room in the channel, and lets the others run.

    Args:
        flow: the flow that reads it.
        ends: how many collectors its items can reach, which is how often a barrier arrives.
        barrier_every: at most this many items between two barriers.
        must_move: refuse two items in a row at one position, as a checkpoint could not tell them
            apart.
        on_barrier: called when a barrier has reached all ends.
        watch: called with the seconds from reading to settling of each item.
    """

    def __init__(
        self,
        flow: str,
        source: Source[Any],
        outlet: Channel,
        *,
        ends: int,
        barrier_every: int,
        must_move: bool,
        on_barrier: Callable[[Barrier], Any],
        watch: Callable[[float], None] | None = None,
    ) -> None:
        self.flow = flow
        self.source = source
        self.outlet = outlet
        self.ends = ends
        self.receipts = Receipts(source=lambda: self.source_name, watch=watch)
        self.known_as: str | None = None
        """The name of the source in a checkpoint, if the source is not opened to ask it."""
        self.first_time: float | None = None
        """The time of the first item that was read, if the source tells times."""
        self._position: Position = None
        self._time: float | None = None
        self._every = barrier_every
        self._must_move = must_move
        self._on_barrier = on_barrier
        self._already: list[AlreadyKept] = []
        self._put = 0
        self._marked = 0
        self._task: asyncio.Task[None] | None = None
        self._waiting = False
        self._draining = False

    @property
    def lag(self) -> float | None:
        """Seconds between the newest item read and now."""
        return getattr(self.source, "lag", None)

    @property
    def identity(self) -> str:
        """What is read; empty for a source that does not say."""
        return str(getattr(self.source, "identity", type(self.source).__name__))

    @property
    def source_name(self) -> str:
        """What is read, for checkpoints and dead letters; never empty."""
        return self.known_as or self.identity or type(self.source).__name__

    def refuse_no_identity(self) -> None:
        """Raise `PipelineError` if the source does not say what it reads."""
        if not self.identity:
            hint = f"give {type(self.source).__name__} an identity"
            if isinstance(self.source, IterableSource):
                hint = "name it by IterableSource(items, identity='...')"
            raise PipelineError(
                f"flow {self.flow!r}: its source does not say what it reads, so a checkpoint could "
                f"not tell it from another one: {hint}, or run without a checkpoint"
            )

    async def resume(self, position: Position) -> None:
        """Have the source continue after `position`.

        Raises:
            CheckpointError: it cannot.
        """
        # Known from now on: a source that gives the item at this position again is refused.
        self._position = position
        self.receipts.mark_safe(position)
        try:
            await awaiting(self.source.resume, f"the source of flow {self.flow!r}")(position)
        except EkspiperError:
            raise
        except Exception as error:
            raise CheckpointError(
                f"flow {self.flow!r} cannot resume from {position!r}: {describe(error)}"
            ) from error

    async def begin(self) -> Position:
        """Where a source begins whose start moves; None for any other.

        Raises:
            EkspiperError: it cannot say.
        """
        begin = getattr(self.source, "begin", None)  # a source need not inherit from Source
        if begin is None:
            return None
        try:
            position = await awaiting(begin, f"the source of flow {self.flow!r}")()
        except EkspiperError:
            raise
        except Exception as error:
            raise EkspiperError(
                f"flow {self.flow!r}: the source cannot say where it begins: {describe(error)}"
            ) from error
        self.receipts.mark_safe(position)
        return position

    def report(self) -> SourceReport:
        """What has become of its items so far."""
        return self.receipts.report(lag=self.lag)

    def watch(self, already: AlreadyKept) -> None:
        """Show each item that is read to `already`."""
        self._already.append(already)
        self._must_move = True  # it tells items apart by their positions

    def drain(self) -> None:
        """Read no more, as if the source had ended after the present item."""
        self._draining = True
        if self._waiting and self._task is not None:
            self._task.cancel()

    def set_barrier(self, *, last: bool = False) -> None:
        """Send a barrier behind the items handed on so far, if any are new."""
        if self._put > self._marked:  # two barriers without an item between say the same
            self._marked = self._put
            self.outlet.put_control(
                Barrier(
                    self._put - 1,
                    self._position,
                    receipts=self.receipts,
                    ends=self.ends,
                    done=self._on_barrier,
                    last=last,
                    time=self._time,
                )
            )

    async def run(self) -> None:
        """Read until the source ends or is drained; then send the last barrier and the end.

        Raises:
            FlowFailed: the source raised.
        """
        self._task = asyncio.current_task()
        try:
            await self._read()
        except asyncio.CancelledError:
            # `drain` cancels this task while it waits for the source, and for nothing else.
            task = self._task
            if not (self._draining and self._waiting) or task is None:
                raise
            task.uncancel()
        finally:
            self._waiting = False
        # A source that was drained has not ended, so it may still come to what is already kept.
        if not self._draining:
            for already in self._already:
                already.end()
        self.set_barrier(last=True)
        self.outlet.put_control(END)

    async def _read(self) -> None:
        try:
            items = aiter(self.source)
        except Exception as error:
            raise self._failed(error) from error
        try:
            await self._read_all(items)
        finally:
            if hasattr(items, "aclose"):  # a generator releases what it holds now, not at some time
                await items.aclose()

    async def _read_all(self, items: AsyncIterator[Any]) -> None:
        source, outlet, issue = self.source, self.outlet, self.receipts.issue
        offer = outlet.offer
        # Sources that inherit the default have no times: asking each time would cost for nothing.
        tells_time = getattr(type(source), "time", None) is not Source.time and hasattr(
            source, "time"
        )
        # Local names and plain counters: this loop runs for every item of every pipeline.
        self._waiting = True
        while not self._draining:
            try:
                item = await anext(items)
                position = source.position
                if tells_time:
                    self._note_time(source.time)
            except StopAsyncIteration:
                return
            except Exception as error:
                raise self._failed(error) from error
            if self._must_move and (position is None or position == self._position):
                raise self._stands_still(position)
            receipt = issue(position, self._time)
            for already in self._already:
                already.see(receipt.sequence, position)
            if not offer(item, receipt):
                self._waiting = False  # a drain must not cancel this: the item would be lost
                await outlet.put(item, receipt)
                self._waiting = True
            # Only now: a barrier must not name a position whose item is not in the channel yet.
            self._position = position
            put = self._put = self._put + 1
            if put - self._marked >= self._every:
                self.set_barrier()

    def _note_time(self, time: float | None) -> None:
        self._time = time
        if self.first_time is None:
            self.first_time = time

    def _stands_still(self, position: Position) -> FlowFailed:
        was = "has no position" if position is None else f"has the position {position!r} again"
        return FlowFailed(
            f"flow {self.flow!r}: the item after position {self._position!r} {was}; the position of "
            "a source must move with every item, or a restart would lose or double some",
            flow=self.flow,
            step="",
            position=self._position,
        )

    def _failed(self, error: Exception) -> FlowFailed:
        return FlowFailed(
            f"flow {self.flow!r}: the source failed after position {self._position!r}: "
            f"{describe(error)}",
            flow=self.flow,
            step="",
            position=self._position,
        )
