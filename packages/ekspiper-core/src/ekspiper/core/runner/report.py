"""What a run says of itself while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..source import Position
from .channel import ChannelStatistics

__all__ = ["CollectorStatistics", "Report", "SourceReport", "Statistics", "StepStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source: items read and what became of them, and the position that is safe.

    Args:
        read: items read in this run.
        kept: of these, kept by every collector they reached; filtered counts as kept.
        dead_lettered: kept but for dead letters.
        dropped: lost by `on_error="skip"`.
        position: everything up to it is kept, and the checkpoint says so.
        lag: seconds between the newest item and now; None where that means nothing.
    """

    read: int
    kept: int
    dead_lettered: int
    dropped: int
    position: Position
    lag: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatistics:
    """One step: items in, outputs, calls tried again, items lost or put aside, and what went wrong
    last with those that are being tried again, if any are. Bytes are measured as queues do."""

    items_in: int
    bytes_in: int
    items_out: int
    bytes_out: int
    retries: int
    dead_letters: int
    dropped: int
    head_of_line: float
    failing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorStatistics:
    """One collector in one place: what it kept, and what it is failing with now, if it is.

    Args:
        busy: seconds since it was given the batch that it has not answered for; 0 between batches.
    """

    items: int
    bytes: int
    retries: int
    dead_letters: int
    dropped: int
    failing: str | None
    busy: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A run at one moment: sources by flow, steps by `flow/step`, collectors by place, queues."""

    seconds: float
    sources: Mapping[str, SourceReport]
    steps: Mapping[str, StepStatistics]
    collectors: Mapping[str, CollectorStatistics]
    queues: Mapping[str, ChannelStatistics]
    checkpoints: int

    @property
    def failing(self) -> dict[str, str]:
        """What steps and collectors are failing with now, by place."""
        steps = {place: step.failing for place, step in self.steps.items()}
        sinks = {place: collector.failing for place, collector in self.collectors.items()}
        return {place: reason for place, reason in (steps | sinks).items() if reason is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run at its end.

    Args:
        seconds: how long it took.
        drained: it was asked to stop, and everything that was read is kept.
        sources: by flow.
        collectors: by place.
        checkpoints: how many were written.
    """

    seconds: float
    drained: bool
    sources: Mapping[str, SourceReport]
    collectors: Mapping[str, CollectorStatistics]
    checkpoints: int

    @property
    def read(self) -> int:
        """Items read from all sources."""
        return sum(each.read for each in self.sources.values())

    @property
    def kept(self) -> int:
        """Items of which everything was kept."""
        return sum(each.kept for each in self.sources.values())

    @property
    def dead_lettered(self) -> int:
        """Items of which something went to the dead letters."""
        return sum(each.dead_lettered for each in self.sources.values())

    @property
    def dropped(self) -> int:
        """Items of which something was dropped."""
        return sum(each.dropped for each in self.sources.values())
