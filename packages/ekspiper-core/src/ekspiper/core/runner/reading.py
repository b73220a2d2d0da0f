"""Reads one source, gives each item its receipt, and sets the barriers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from .._wording import describe
from ..errors import FlowFailed, PipelineError
from ..iterable_source import IterableSource
from ..receipt import Receipts
from ..source import Position, Source
from .barrier import Barrier
from .channel import END, Channel
from .held import Held

__all__ = ["SourceReader"]


class SourceReader:
    """Moves the items of a source into a channel.

    A source that never waits itself waits for room in the channel, and lets the others run.

    Args:
        flow: the flow that reads it.
        barrier_every: items between two barriers at most.
        must_move: refuse two items in a row at one position, as a checkpoint could not tell them
            apart.
        on_barrier: called when a barrier has reached all ends.
    """

    def __init__(
        self,
        flow: str,
        source: Source[Any],
        outlet: Channel,
        receipts: Receipts,
        *,
        barrier_every: int,
        must_move: bool,
        on_barrier: Callable[[Barrier], Any],
    ) -> None:
        self.flow = flow
        self.source = source
        self.outlet = outlet
        self.receipts = receipts
        self.ends = 0
        self.position: Position = None
        self.time: float | None = None
        """When the item read last came about, where the source says so."""
        self.first_time: float | None = None
        self._every = barrier_every
        self._must_move = must_move
        self._on_barrier = on_barrier
        self._held: list[Held] = []
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
    def label(self) -> str:
        """What is read, for people: the name of its class for a source that does not say."""
        return self.identity or type(self.source).__name__

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

    def watch(self, held: Held) -> None:
        """Show `held` each item that is read."""
        self._held.append(held)
        self._must_move = True

    def drain(self) -> None:
        """Read no more: as if the source had ended after the item in hand."""
        self._draining = True
        if self._waiting and self._task is not None:
            self._task.cancel()

    def set_barrier(self, *, last: bool = False) -> None:
        """Send a barrier behind the items handed on so far, if there are new ones."""
        if self._put > self._marked:
            self._marked = self._put
            self.outlet.put_control(
                Barrier(
                    self._put - 1,
                    self.position,
                    receipts=self.receipts,
                    ends=self.ends,
                    done=self._on_barrier,
                    last=last,
                    time=self.time,
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
            task = self._task
            if not (self._draining and self._waiting) or task is None:
                raise
            task.uncancel()
        finally:
            self._waiting = False
        if not self._draining:
            for held in self._held:
                held.end()
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
            if hasattr(items, "aclose"):
                await items.aclose()

    async def _read_all(self, items: AsyncIterator[Any]) -> None:
        source, outlet, issue = self.source, self.outlet, self.receipts.issue
        offer = outlet.offer
        tells_time = getattr(type(source), "time", None) is not Source.time and hasattr(
            source, "time"
        )
        self._waiting = True
        while not self._draining:
            try:
                item = await anext(items)
                position = source.position
            except StopAsyncIteration:
                return
            except Exception as error:
                raise self._failed(error) from error
            if self._must_move and (position is None or position == self.position):
                raise self._stands_still(position)
            if tells_time:
                self._note_time(source.time)
            receipt = issue(position, self.time)
            if self._held:
                for held in self._held:
                    held.see(receipt.sequence, position)
            if not offer(item, receipt):
                self._waiting = False
                await outlet.put(item, receipt)
                self._waiting = True
            self.position = position
            put = self._put = self._put + 1
            if put - self._marked >= self._every:
                self.set_barrier()

    def _note_time(self, time: float | None) -> None:
        self.time = time
        if self.first_time is None:
            self.first_time = time

    def _stands_still(self, position: Position) -> FlowFailed:
        was = "has no position" if position is None else f"has the position {position!r} again"
        return FlowFailed(
            f"flow {self.flow!r}: the item after position {self.position!r} {was}; the position of "
            "a source must move with every item, or a restart would lose or double some",
            flow=self.flow,
            step="",
            position=self.position,
        )

    def _failed(self, error: Exception) -> FlowFailed:
        return FlowFailed(
            f"flow {self.flow!r}: the source failed after position {self.position!r}: "
            f"{describe(error)}",
            flow=self.flow,
            step="",
            position=self.position,
        )
