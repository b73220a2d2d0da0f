"""The contract of a collector: what returning means, what raising means, and how it recovers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from .component import Component
from .instruments import Instruments
from .source import Position

__all__ = ["Collector", "Encoding", "Measured", "Recoverable", "State"]

Item_contra = TypeVar("Item_contra", contravariant=True)

State: TypeAlias = Any
"""What a collector says of itself, as a JSON value: a file's length, a list of files."""


class Collector(Component, Protocol[Item_contra]):
    """Takes outputs in batches, in order, one batch at a time.

    A collector may also carry `batch_policy`, a `BatchPolicy` that is used where the flow gives
    none. Records are shared with other collectors: never change one.
    """

    async def collect(self, batch: Sequence[Item_contra]) -> None:
        """Keep a batch. Returning means *kept*, as safe as this sink can promise.

        Raises:
            BatchError: some members were not kept, and which; the others were.
            Retryable: nothing was kept; the same batch comes again after a backoff.
            Throttled: likewise, after the delay it names.
            CheckpointError: the sink is not as it was left; the pipeline stops, to be started
                again from its checkpoint.
            Permanent: nothing was kept, and never will be. So does any other exception.
        """
        raise NotImplementedError


@runtime_checkable
class Encoding(Protocol):
    """A collector that has items encoded as soon as they are made.

    What waits for its batch is then small, counted in bytes exactly, and encoded while the item is
    still in the processor's cache; and a sink that takes its time is not waited for to encode what
    comes next. The runner calls `collect_encoded` instead of `collect`.
    """

    def encode(self, item: Any) -> bytes:
        """The bytes that stand for an item. Called between `open` and `close`, without waiting.

        Raises:
            Permanent: the item cannot be kept. Whatever is raised, it fails alone and for good.
        """
        ...

    def decode(self, encoded: bytes) -> Any:
        """The item again, for a dead letter, when it is refused later."""
        ...

    async def collect_encoded(self, batch: Sequence[bytes]) -> None:
        """What `collect` is to items: keep a batch, or raise the same errors."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A collector that has measurements of its own, such as which server it is connected to."""

    def use_instruments(self, instruments: Instruments) -> None:
        """Called once before `open`, with the instruments of the run."""
        ...


@runtime_checkable
class Recoverable(Protocol):
    """A collector that can be brought back to an earlier state, so that nothing is doubled.

    Between `open` and the first `collect` the runner calls `restore` once. From time to time, at
    a point where everything up to a position of the source has been collected and nothing after
    it, it calls `snapshot`. The last state that got into the checkpoint is what `restore` gets.
    """

    async def snapshot(self, position: Position) -> State:
        """Make everything collected so far durable, and describe it.

        Args:
            position: the source's position up to which everything has been collected; None before
                the first item of a pipeline that has no checkpoint yet. Before the first item of a
                collector that is new in its pipeline: where it begins.

        Returns:
            A JSON value. None is not allowed.
        """
        ...

    async def restore(self, state: State | None) -> Position | None:
        """Undo everything that came after `state` was taken.

        Args:
            state: what `snapshot` returned; None when there is no checkpoint, or none that knows
                this collector: it must not destroy anything then, and goes on from what the sink
                holds.

        Returns:
            None; or, from a sink that committed rows and position together, the position up to
            which it already holds everything. Rows up to it are then not sent again.
        """
        ...
