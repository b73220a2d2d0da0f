"""The contract of a collector: its batches, what it means to return and to raise, how it recovers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from .component import Component
from .errors import ConfigError
from .instruments import Instruments
from .source import Position

__all__ = ["BatchPolicy", "Collector", "Encoding", "Measured", "Recoverable", "State"]

Item_contra = TypeVar("Item_contra", contravariant=True)

State: TypeAlias = Any
"""What a collector needs to return to where it is now, as JSON: the length of a file, for example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """The bounds of one batch; it is full when it reaches the first of them.

    Args:
        count: at most this many items.
        bytes: at most this many bytes, as the queue measures items; a larger item goes alone.
        period: the oldest item waits at most this many seconds.
    """

    count: int = 500
    # Large enough to make the cost of a call small, and small enough to be held many times.
    bytes: int = 4 * 1024 * 1024
    period: float = 0.2

    def __post_init__(self) -> None:
        for name in ("count", "bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"batch {name} must be at least 1, not {getattr(self, name)}")
        if self.period < 0:
            raise ConfigError(f"batch period must not be negative, not {self.period} s")


class Collector(Component, Protocol[Item_contra]):
    """Takes outputs in batches, in order, one batch at a time.

    A collector may have a `batch_policy`, a `BatchPolicy` that holds where the flow gives none.
    Other collectors get the same records: never change one.
    """

    async def collect(self, batch: Sequence[Item_contra]) -> None:
        """Keep a batch. Returning means that it is *kept*, as safe as this sink can promise.

        Raises:
            BatchError: some members were not kept, and it says which; the others were.
            Retryable: nothing was kept; the same batch comes again after a backoff.
            Throttled: the same, after the delay that it names.
            CheckpointError: the sink is not as it was left; the pipeline stops, to be started
                again from its checkpoint.
            Permanent: nothing was kept, and never will be. Any other exception means the same.
        """
        raise NotImplementedError


@runtime_checkable
class Encoding(Protocol):
    """A collector that has its items encoded as soon as they are made.

    What waits for its batch is then small and counted exactly. An item is encoded while it is
    still in the processor's cache, and a sink that takes its time does not hold up the encoding of
    what comes next. The runner calls `collect_encoded` instead of `collect`.
    """

    def encode(self, item: Any) -> bytes:
        """The bytes that stand for an item. Called between `open` and `close`; must not wait.

        Raises:
            Permanent: the item cannot be kept. Whatever it raises, the item fails alone, for good.
        """
        ...

    def decode(self, encoded: bytes) -> Any:
        """The item again, for a dead letter, when it is refused later."""
        ...

    async def collect_encoded(self, batch: Sequence[bytes]) -> None:
        """Keep a batch of encoded items; the same contract as `collect`."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A collector that has measurements of its own, such as which server it is connected to."""

    def use_instruments(self, instruments: Instruments) -> None:
        """Called once before `open`, with the instruments of the run."""
        ...


@runtime_checkable
class Recoverable(Protocol):
    """A collector that can return to an earlier state, so that nothing is stored twice.

    The runner calls `restore` once, between `open` and the first `collect`. From time to time it
    calls `snapshot`, when everything up to a position of the source has been collected and nothing
    after it. `restore` gets the last state that is in the checkpoint.
    """

    async def snapshot(self, position: Position) -> State:
        """Make everything collected so far durable, and describe it.

        Args:
            position: the source's position up to which everything has been collected; None before
                the first item of a pipeline that has no checkpoint yet. For a collector that is
                new in its pipeline, the first one is the position at which it begins.

        Returns:
            A JSON value. None is not allowed.
        """
        ...

    async def restore(self, state: State | None) -> Position | None:
        """Undo everything that came after `state` was taken.

        Args:
            state: what `snapshot` returned. None without a checkpoint, or if it does not know
                this collector: then keep what the sink holds, and continue from there.

        Returns:
            None; or, from a sink that committed rows and position together, the position up to
            which it already holds everything. Rows up to it are then not sent again.
        """
        ...
