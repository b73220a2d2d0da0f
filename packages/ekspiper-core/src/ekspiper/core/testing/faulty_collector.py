"""A collector that fails, hangs, is slow, accepts half, or refuses records, on schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from ..collector import Collector, Encoding, Recoverable
from ..errors import BatchError, Permanent, Retryable

__all__ = ["Fail", "Fault", "FaultyCollector", "Half", "Hang", "Kept", "Slow"]


def _lost() -> Exception:
    return Retryable("the test lets it fail")


@dataclass(frozen=True, slots=True)
class Fail:
    """Nothing of the batch is kept, and `error` is raised."""

    error: Exception = field(default_factory=_lost)


@dataclass(frozen=True, slots=True)
class Half:
    """The first half of the batch is kept; each of the others fails with `error`."""

    error: Exception = field(default_factory=_lost)


@dataclass(frozen=True, slots=True)
class Kept:
    """The whole batch is kept, but `error` is raised: the answer was lost on the way."""

    error: Exception = field(default_factory=_lost)


@dataclass(frozen=True, slots=True)
class Slow:
    """The batch is kept after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing happens until the call is cancelled, or `until` is set; then the batch is kept."""

    until: asyncio.Event = field(default_factory=asyncio.Event)


Fault: TypeAlias = Fail | Half | Kept | Slow | Hang | None
"""What happens to one call; None lets it through."""


class FaultyCollector(Collector[Any]):
    """Stands before another collector and lets calls of `collect` fail on schedule.

    It recovers from a checkpoint and encodes its items if the other one does.

    Args:
        inner: takes what is kept.
        faults: what happens to the first call, the second, and so on; afterwards all is well.
        refuses: says for each record whether it fails, in every batch, alone and as `Permanent`.
    """

    def __init__(
        self,
        inner: Collector[Any],
        faults: Iterable[Fault] = (),
        *,
        refuses: Callable[[Any], bool] = lambda record: False,
    ) -> None:
        self.inner = inner
        self.calls = 0
        self._faults = iter(faults)
        self._refuses = refuses
        policy = getattr(inner, "batch_policy", None)
        if policy is not None:
            self.batch_policy = policy
        # The runner asks what a collector can do by the methods it has; so these are here only if
        # the inner one has them.
        if isinstance(inner, Recoverable):
            self.snapshot = inner.snapshot
            self.restore = inner.restore
        if isinstance(inner, Encoding):
            self.encode = inner.encode
            self.decode = inner.decode
            self.collect_encoded = self._collect_encoded

    async def open(self) -> None:
        """Open the inner collector."""
        await self.inner.open()

    async def close(self) -> None:
        """Close the inner collector."""
        await self.inner.close()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Do to the batch what the schedule says."""
        await self._collect(batch, self.inner.collect, self._refuses)

    async def _collect_encoded(self, batch: Sequence[bytes]) -> None:
        inner = cast("Encoding", self.inner)
        await self._collect(
            batch, inner.collect_encoded, lambda encoded: self._refuses(inner.decode(encoded))
        )

    async def _collect(
        self,
        batch: Sequence[Any],
        keep: Callable[[list[Any]], Awaitable[None]],
        refuses: Callable[[Any], bool],
    ) -> None:
        self.calls += 1
        fault = next(self._faults, None)
        if isinstance(fault, Fail):
            raise fault.error
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        if isinstance(fault, Hang):
            await fault.until.wait()
        failures: dict[int, Exception] = {
            index: Permanent("the test refuses this record")
            for index, record in enumerate(batch)
            if refuses(record)
        }
        if isinstance(fault, Half):
            failures |= dict.fromkeys(range(len(batch) // 2, len(batch)), fault.error)
        kept = [record for index, record in enumerate(batch) if index not in failures]
        if kept:
            await keep(kept)
        if isinstance(fault, Kept):
            raise fault.error
        if failures:
            raise BatchError(failures)
