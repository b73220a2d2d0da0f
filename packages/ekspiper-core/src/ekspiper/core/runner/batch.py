"""Fills batches by a policy and tells what made each one full."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..batch_policy import BatchPolicy
from .channel import Entry

__all__ = ["Batch", "Trigger"]

Trigger: TypeAlias = Literal["count", "bytes", "period", "barrier", "end"]


class Batch:
    """The batch being filled. Knows no clock: times are given by the caller."""

    __slots__ = ("bytes", "entries", "policy", "since")

    def __init__(self, policy: BatchPolicy) -> None:
        self.policy = policy
        self.entries: list[Entry] = []
        self.bytes = 0
        self.since = 0.0

    def fits(self, entry: Entry) -> bool:
        """Whether `entry` may still go in: always, when the batch is empty."""
        return not self.entries or self.bytes + entry[2] <= self.policy.bytes

    def add(self, entry: Entry, *, now: float) -> Trigger | None:
        """Put `entry` in; what makes the batch full, or None when it is not."""
        if not self.entries:
            self.since = now
        self.entries.append(entry)
        self.bytes += entry[2]
        if len(self.entries) >= self.policy.count:
            return "count"
        if self.bytes >= self.policy.bytes:
            return "bytes"
        return None

    @property
    def deadline(self) -> float:
        """When the oldest entry has waited for the policy's period."""
        return self.since + self.policy.period

    def take(self) -> list[Entry]:
        """The entries so far; the batch is empty afterwards."""
        entries, self.entries, self.bytes = self.entries, [], 0
        return entries
