"""Serves one collector: fills batches, hands them over, and takes snapshots at barriers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from .._wording import awaiting, describe
from ..collector import BatchPolicy, Recoverable, State
from ..errors import CheckpointError, EkspiperError, PipelineError
from ..flow import Delivery, Step
from ..instruments import Instrument
from ..source import Position
from .already_kept import AlreadyKept
from .barrier import Barrier
from .blocks import BlockChannel, count_of
from .channel import END, Channel, EncodingChannel, Refused
from .keeper import Keeper, Parcel
from .report import CollectorStatistics
from .source_reader import SourceReader

__all__ = ["Batch", "BlockBatch", "Deliverer", "Trigger"]

# Entries taken from the channel before other tasks get their turn.
_AT_ONCE = 64

Trigger: TypeAlias = Literal["count", "bytes", "period", "barrier", "end"]


class Batch:
    """The batch that is being filled. Knows no clock: times are arguments."""

    __slots__ = ("bytes", "parcels", "policy", "since")

    def __init__(self, policy: BatchPolicy) -> None:
        self.policy = policy
        self.parcels: list[Parcel] = []
        self.bytes = 0
        self.since = 0.0

    @property
    def count(self) -> int:
        """How many items are in it."""
        return len(self.parcels)

    def fits(self, parcel: Parcel) -> bool:
        """Whether a parcel may go in; into an empty batch, always."""
        return not self.parcels or self.bytes + parcel[2] <= self.policy.bytes

    def add(self, parcel: Parcel, *, now: float) -> Trigger | None:
        """Put `parcel` in; returns what makes the batch full, or None if it is not."""
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


class BlockBatch(Batch):
    """A batch in which a block counts as many items as are in it."""

    __slots__ = ("_count",)

    def __init__(self, policy: BatchPolicy) -> None:
        super().__init__(policy)
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    def fits(self, parcel: Parcel) -> bool:
        more = self._count + count_of(parcel[0])
        return super().fits(parcel) and (more <= self.policy.count or not self.parcels)

    def add(self, parcel: Parcel, *, now: float) -> Trigger | None:
        trigger = super().add(parcel, now=now)
        self._count += count_of(parcel[0])
        return "count" if self._count >= self.policy.count else trigger

    def take(self) -> list[Parcel]:
        self._count = 0
        return super().take()


class Deliverer:
    """Moves the entries of a channel into a collector.

    Args:
        reader: reads the source of these items.
        batches: the histograms of batch sizes, by trigger.
        seconds: the histogram of the time a batch took.
    """

    def __init__(
        self,
        flow: str,
        step: Step,
        delivery: Delivery,
        inlet: Channel,
        keeper: Keeper,
        *,
        reader: SourceReader,
        batches: Mapping[str, Instrument] | None,
        seconds: Instrument | None,
    ) -> None:
        self.collector = delivery.collector
        self.inlet = inlet
        self.keeper = keeper
        self.reader = reader
        self.place = f"{flow}/{step.name}/{delivery.name}"
        self._name = delivery.name
        self._policy = delivery.policy
        self._batches = batches
        self._seconds = seconds
        self._state: State | None = None
        self._already: AlreadyKept | None = None
        self._stays_at: tuple[Position] | None = None  # in a tuple, as None is a position, too

    async def restore(self, state: State | None, position: Position) -> None:
        """Bring a recoverable collector back to `state`, taken at `position` of the source.

        Raises:
            CheckpointError: it cannot go there.
        """
        if not isinstance(self.collector, Recoverable):
            return
        self._state = state
        try:
            held = await awaiting(self.collector.restore, f"the collector {self.place}")(state)
        except EkspiperError:
            raise
        except Exception as error:
            raise CheckpointError(
                f"the collector {self.place} cannot return to its checkpoint: {describe(error)}"
            ) from error
        if held is not None:
            self._refuse_unknown_source(held)
            self._already = AlreadyKept(held, checkpoint=position, place=self.place)
            self.reader.watch(self._already)

    def _refuse_unknown_source(self, held: Position) -> None:
        if not self.reader.identity:
            raise CheckpointError(
                f"the collector {self.place} holds everything up to {held!r}, but the source of "
                f"flow {self.reader.flow!r} does not say what it reads: its first items could be "
                "taken for those and left out; IterableSource(items, identity='...') gives a list "
                "a name, and another table takes other items"
            )

    async def begin(self, position: Position) -> State | None:
        """The state before the first item after `position`, if the checkpoint has none."""
        if (
            isinstance(self.collector, Recoverable)
            and self._already is None
            and self._state is None
        ):
            self._state = await self._snapshot(position)
        return self._state

    @property
    def holds_more(self) -> bool:
        """Whether the collector has committed its own position, and continues from there."""
        return self._already is not None

    def stay_at(self, position: Position) -> None:
        """Take every item, also what is already kept, and let snapshots keep the present position.

        For dead letters: they are items from before that position, and must not move it.
        """
        self._stays_at = (position if self._already is None else self._already.position,)
        self._already = None

    async def run(self) -> None:
        """Serve until the end mark.

        Raises:
            FlowFailed: an item failed for good, and nothing takes dead letters.
        """
        policy, inlet = self._policy, self.inlet
        batch = BlockBatch(policy) if isinstance(inlet, BlockChannel) else Batch(policy)
        clock = asyncio.get_running_loop().time
        at_once = max(policy.count, _AT_ONCE)  # a whole batch at once, where it is there
        # Batches of one that nobody measures need neither a batch nor a clock.
        keep_one = self.keeper.keep_one if policy.count == 1 and self._batches is None else None
        may_refuse = isinstance(inlet, EncodingChannel)
        while True:
            entries = await inlet.get(at_once)
            now = clock()  # once for all of them, and again after each wait
            for entry in entries:
                item, receipt, _ = entry
                if receipt is None:
                    if item is END:
                        return  # the last barrier came before it, and has flushed the batch
                    await self._flush(batch, "end" if item.last else "barrier")
                    await self._pass_barrier(item)
                    now = clock()
                elif self._already is not None and self._already.covers(receipt.sequence):
                    receipt.settle()  # the sink has it from before the restart
                elif may_refuse and type(item) is Refused:
                    await self.keeper.failures.settle(item.item, receipt, item.error)
                elif keep_one is not None:
                    await keep_one(entry)  # type: ignore[arg-type]  # no mark: it has a receipt
                else:
                    if not batch.fits(entry):  # type: ignore[arg-type]  # the same
                        # The bounds hold: what is in it goes first.
                        await self._flush(batch, "bytes")
                        now = clock()
                    trigger = batch.add(entry, now=now)  # type: ignore[arg-type]  # the same
                    if trigger is not None:
                        await self._flush(batch, trigger)
                        now = clock()
            # Nothing is waiting: give the batch until its deadline to become full.
            while batch.parcels and not await inlet.wait_until(batch.deadline):
                await self._flush(batch, "period")
            # With a full channel and a collector that never waits, nobody else would get a turn.
            if len(entries) >= _AT_ONCE:
                await asyncio.sleep(0)

    def statistics(self, *, patience: float) -> CollectorStatistics:
        """What the collector has done so far; `patience` is how long it may take for a batch."""
        keeper, since = self.keeper, self.keeper.kept_time
        if since is None:  # nothing is kept yet: at least as old as the first item
            since = self.reader.first_time
        return CollectorStatistics(
            items=keeper.items,
            bytes=keeper.bytes,
            retries=keeper.failures.retries,
            dead_letters=keeper.failures.dead_letters,
            dropped=keeper.failures.dropped,
            failing=keeper.failing,
            busy=keeper.busy,
            patience=patience,
            lag=None if since is None else max(0.0, time.time() - since),
        )

    async def _flush(self, batch: Batch, trigger: Trigger) -> None:
        if batch.parcels:
            count, size = batch.count, batch.bytes  # before `take`, which sets them to 0
            await self._hand_over(batch.take(), count, size, trigger)

    async def _hand_over(
        self, parcels: list[Parcel], count: int, size: int, trigger: Trigger
    ) -> None:
        if self._batches is None or self._seconds is None:
            await self.keeper.keep(parcels, size)
            return
        self._batches[trigger].record(count)
        clock = asyncio.get_running_loop().time
        began = clock()
        await self.keeper.keep(parcels, size)
        self._seconds.record(clock() - began)

    async def _pass_barrier(self, barrier: Barrier) -> None:
        if isinstance(self.collector, Recoverable):
            if self._already is not None and self._already.is_beyond(barrier.sequence):
                # The sink has committed more than this barrier covers, and cannot describe less.
                barrier.void = True
            else:
                self._already = None
                at = self._stays_at
                self._state = await self._snapshot(at[0] if at else barrier.position)
        # Everything before it is settled here, also where nothing of it was for this collector.
        self.keeper.kept_time = barrier.time
        barrier.arrive(self.place, self._state)

    async def _snapshot(self, position: Position) -> State:
        collector = cast("Recoverable", self.collector)
        snapshot = awaiting(collector.snapshot, f"the collector {self.place}")
        state = await self.keeper.insist(lambda: snapshot(position))
        if state is None:
            raise PipelineError(f"the collector at {self.place}: snapshot returned None")
        return state
