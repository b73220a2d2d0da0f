"""Turns completed barriers into checkpoints, newest first, one write at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from .._wording import describe
from ..checkpoint import Checkpoint, CommitPolicy, FlowState, Progress
from ..collector import State
from ..errors import CheckpointError, FlowFailed
from ..failure_log import FailureLog
from ..retry import RetryPolicy, retrying
from ..source import Position
from .barrier import Barrier
from .source_reader import SourceReader

__all__ = ["Committer"]

log = logging.getLogger("ekspiper")


class Committer:
    """Writes the progress of all sources of a run.

    A barrier becomes progress when it has reached every collector *and* no item before it was
    dropped: then everything up to its position is kept.

    Args:
        checkpoint: where to write; None if progress is not kept.
        loaded: the progress that the run started from.
        make_safe: awaited before each write.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        policy: CommitPolicy,
        shape: tuple[str, ...],
        loaded: Progress | None,
        *,
        make_safe: Callable[[], Awaitable[None]],
    ) -> None:
        self.written = 0
        self._checkpoint = checkpoint
        self._policy = policy
        self._shape = shape
        self._failure_log = FailureLog("the checkpoint")
        self._make_safe = make_safe
        self._flows: dict[str, FlowState] = dict(loaded.flows) if loaded else {}
        # Barriers that complete while a checkpoint is being written make one more, not many.
        self._dirty = asyncio.Event()
        self._writing = asyncio.Lock()
        self._told_blocked: set[str] = set()

    @property
    def failing(self) -> str | None:
        """Why the checkpoint cannot be written, while it is tried again."""
        return self._failure_log.reason

    def position_of(self, flow: str) -> Position:
        """The position of the source of `flow` in the checkpoint; None at its start."""
        state = self._flows.get(flow)
        return None if state is None else state.position

    def complete(self, reader: SourceReader, barrier: Barrier) -> None:
        """A barrier of `reader` has reached all ends."""
        if not barrier.complete:
            self._tell_blocked(reader)
            return
        reader.receipts.mark_safe(barrier.position)
        self.note(reader, barrier.position, barrier.states)

    def note(self, reader: SourceReader, position: Position, states: Mapping[str, State]) -> None:
        """Everything of `reader` up to `position` is kept, and these are the collectors' states."""
        self._flows[reader.flow] = FlowState(
            source=reader.source_name, position=position, collectors=dict(states)
        )
        self._dirty.set()

    async def set_barriers(self, readers: Iterable[SourceReader]) -> None:
        """Set barriers at the policy's pace, until cancelled."""
        readers = tuple(readers)
        while True:
            await asyncio.sleep(self._policy.seconds)
            for reader in readers:
                reader.set_barrier()

    async def run(self) -> None:
        """Write what barriers complete, until cancelled."""
        while True:
            await self._dirty.wait()
            await self.write()

    async def write(self, *, tries: RetryPolicy | None = None) -> None:
        """Write the progress, if it is newer than what was written last.

        Args:
            tries: how long writing is tried again; by default without end.

        Raises:
            CheckpointError: it cannot be written.
        """
        checkpoint = self._checkpoint
        async with self._writing:
            if checkpoint is None or not self._dirty.is_set():
                self._dirty.clear()
                return
            # Cleared before it is read: what completes from here on sets it again.
            self._dirty.clear()
            progress = Progress(self._shape, dict(self._flows))
            try:
                # Letters count as kept in this progress, so they must be durable before it is.
                await self._make_safe()
                with self._failure_log:
                    await retrying(
                        lambda: checkpoint.save(progress),
                        tries or RetryPolicy(elapsed=None),
                        on_retry=lambda error: self._failure_log.met(describe(error)),
                    )
            except FlowFailed:
                raise
            except Exception as error:
                self._dirty.set()  # it is still to be written
                raise CheckpointError(f"cannot save {checkpoint}: {describe(error)}") from error
            except BaseException:
                self._dirty.set()
                raise
            self.written += 1

    def _tell_blocked(self, reader: SourceReader) -> None:
        if reader.receipts.blocked and reader.flow not in self._told_blocked:
            self._told_blocked.add(reader.flow)
            log.warning(
                "flow %r: the checkpoint stays before a dropped item; with a dead-letter "
                "collector it would move on",
                reader.flow,
            )
