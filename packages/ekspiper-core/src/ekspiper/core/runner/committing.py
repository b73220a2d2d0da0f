"""Turns completed barriers into checkpoints, newest first, one write at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from ..checkpoint import Checkpoint, CommitPolicy, FlowState, Progress
from ..collector import State
from ..errors import CheckpointError
from ..retry import RetryPolicy, retrying
from ..source import Position
from .barrier import Barrier
from .failing import describe
from .reading import SourceReader

__all__ = ["Committer"]

log = logging.getLogger("ekspiper")


class Committer:
    """Writes the progress of all sources of a run.

    A barrier becomes progress when it has reached every collector *and* no item before it was
    dropped: then everything up to its position is kept.

    Args:
        checkpoint: where to; None when progress is not kept.
        loaded: the progress that the run started from.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        policy: CommitPolicy,
        shape: tuple[str, ...],
        loaded: Progress | None,
    ) -> None:
        self.written = 0
        self.positions: dict[str, Position] = {}
        self._checkpoint = checkpoint
        self._policy = policy
        self._shape = shape
        self._flows: dict[str, FlowState] = dict(loaded.flows) if loaded else {}
        self.positions.update((name, state.position) for name, state in self._flows.items())
        self._dirty = asyncio.Event()
        self._told_blocked: set[str] = set()

    def begin(self, reader: SourceReader, states: Mapping[str, State]) -> None:
        """Nothing has been read from the source of `reader` yet; its collectors hold `states`."""
        self._flows[reader.flow] = FlowState(source=reader.source.identity, collectors=states)
        self._dirty.set()

    def complete(self, reader: SourceReader, barrier: Barrier) -> None:
        """A barrier of `reader` has reached all ends."""
        watermark = reader.receipts.watermark
        if watermark.mark < barrier.sequence:
            self._tell_blocked(reader.flow, watermark.blocked_at)
            return
        self.positions[reader.flow] = barrier.position
        self._flows[reader.flow] = FlowState(
            source=reader.source.identity, position=barrier.position, collectors=barrier.states
        )
        self._dirty.set()

    async def run(self, readers: Mapping[str, SourceReader]) -> None:
        """Set barriers at the policy's pace, and write what they complete, until cancelled."""
        while True:
            await asyncio.sleep(self._policy.seconds)
            for reader in readers.values():
                reader.set_barrier()
            await self.write()

    async def write(self) -> None:
        """Write the progress, if it is newer than what was written last.

        Raises:
            CheckpointError: it cannot be written.
        """
        checkpoint = self._checkpoint
        if checkpoint is None or not self._dirty.is_set():
            return
        self._dirty.clear()
        progress = Progress(self._shape, dict(self._flows))
        try:
            await checkpoint.save(progress)
        except Exception as error:
            try:
                await retrying(
                    lambda: checkpoint.save(progress),
                    RetryPolicy(elapsed=None),
                    after=error,
                    on_retry=lambda error: log.warning("%s; trying again", describe(error)),
                )
            except Exception as final:
                raise CheckpointError(f"cannot save to {checkpoint}: {describe(final)}") from final
        self.written += 1

    def _tell_blocked(self, flow: str, blocked_at: int | None) -> None:
        if blocked_at is not None and flow not in self._told_blocked:
            self._told_blocked.add(flow)
            log.warning(
                "flow %r: the checkpoint stays before a dropped item; "
                "dead letters would let it move on",
                flow,
            )
