"""Fills batches by a policy and tells what made each one full."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..batch_policy import BatchPolicy
from .keeping import Parcel

__all__ = ["Batch", "Trigger"]

Trigger: TypeAlias = Literal["count", "bytes", "period", "barrier", "end"]


class Batch:
    """The batch being filled. Knows no clock: times are given by the caller."""

    __slots__ = ("bytes", "parcels", "policy", "since")

    def __init__(self, policy: BatchPolicy) -> None:
        self.policy = policy
        self.parcels: list[Parcel] = []
        self.bytes = 0
        self.since = 0.0

    def fits(self, size: int) -> bool:
        """Whether a parcel of `size` bytes may still go in: always, when the batch is empty."""
        return not self.parcels or self.bytes + size <= self.policy.bytes

    def add(self, parcel: Parcel, *, now: float) -> Trigger | None:
        """Put `parcel` in; what makes the batch full, or None when it is not."""
        if not self.parcels:
            self.since = now
        self.parcels.append(parcel)
        self.bytes += parcel[2]
        if len(self.parcels) >= self.policy.count:
            return "count"
        if self.bytes >= self.policy.bytes:
            return "bytes"
        return None

    @property
    def deadline(self) -> float:
        """When the oldest parcel has waited for the policy's period."""
        return self.since + self.policy.period

    def take(self) -> list[Parcel]:
        """The parcels so far; the batch is empty afterwards."""
        parcels, self.parcels, self.bytes = self.parcels, [], 0
        return parcels
