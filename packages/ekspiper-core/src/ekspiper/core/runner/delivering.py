"""Serves one collector: fills batches and hands them over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from ..collector import Recoverable, State
from ..errors import CheckpointError, PipelineError
from ..flow import Delivery, Step
from ..instruments import Instrument
from ..source import Position
from .barrier import Barrier
from .batch import Batch, Trigger
from .channel import END, Channel
from .encoding import EncodingChannel, Refused
from .held import Held
from .keeping import Keeper, Parcel
from .reading import SourceReader

__all__ = ["Deliverer"]

_AT_ONCE = 64


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
        self._held: Held | None = None
        self._stays_at: tuple[Position] | None = None

    async def restore(self, state: State | None, position: Position) -> None:
        """Bring a recoverable collector back to `state`, taken at `position` of the source."""
        if not isinstance(self.collector, Recoverable):
            return
        self._state = state
        held = await self.collector.restore(state)
        if held is not None:
            self._refuse_unknown_source(held)
            self._held = Held(held, checkpoint=position, place=self.place)
            self.reader.watch(self._held)

    def _refuse_unknown_source(self, held: Position) -> None:
        if not self.reader.identity:
            raise CheckpointError(
                f"the collector {self.place} holds everything up to {held!r}, but the source of "
                f"flow {self.reader.flow!r} does not say what it reads: its first items could be "
                "taken for those and left out; IterableSource(items, identity='...') gives a list "
                "a name, and another table takes other items"
            )

    async def begin(self, position: Position) -> State | None:
        """The state before the first item after `position`, where the checkpoint has none."""
        if isinstance(self.collector, Recoverable) and self._held is None and self._state is None:
            self._state = await self._snapshot(position)
        return self._state

    @property
    def holds_more(self) -> bool:
        """Whether the collector has committed a position of its own, by which it goes on."""
        return self._held is not None

    def stay_at(self, position: Position) -> None:
        """Take every item, whatever is held, and let snapshots stand at what is, or `position`."""
        self._stays_at = (position if self._held is None else self._held.position,)
        self._held = None

    async def run(self) -> None:
        """Serve until the end mark.

        Raises:
            FlowFailed: an item failed for good and nothing takes dead letters.
        """
        policy, inlet = self._policy, self.inlet
        batch = Batch(policy)
        clock = asyncio.get_running_loop().time
        at_once = max(policy.count, _AT_ONCE)
        keep_one = self.keeper.keep_one if policy.count == 1 and self._batches is None else None
        may_refuse = isinstance(inlet, EncodingChannel)
        while True:
            entries = await inlet.get(at_once)
            now = clock()
            for entry in entries:
                item, receipt, size = entry
                if receipt is None:
                    if item is END:
                        return  # behind the last barrier: nothing is left
                    await self._flush(batch, "end" if item.last else "barrier")
                    await self._pass_barrier(item)
                    now = clock()
                elif self._held is not None and self._held.covers(receipt.sequence):
                    receipt.settle()
                elif may_refuse and type(item) is Refused:
                    await self.keeper.refuse(item.item, receipt, item.error)
                elif keep_one is not None:
                    await keep_one(entry)  # type: ignore[arg-type]  # no mark: it has a receipt
                else:
                    if not batch.fits(size):
                        await self._flush(batch, "bytes")
                        now = clock()
                    trigger = batch.add(entry, now=now)  # type: ignore[arg-type]  # likewise
                    if trigger is not None:
                        await self._flush(batch, trigger)
                        now = clock()
            while batch.parcels and not await inlet.wait_until(batch.deadline):
                await self._flush(batch, "period")
            if len(entries) >= _AT_ONCE:
                await asyncio.sleep(0)

    async def _flush(self, batch: Batch, trigger: Trigger) -> None:
        if batch.parcels:
            size = batch.bytes
            await self._hand_over(batch.take(), size, trigger)

    async def _hand_over(self, parcels: list[Parcel], size: int, trigger: Trigger) -> None:
        if self._batches is None or self._seconds is None:
            await self.keeper.keep(parcels, size)
            return
        self._batches[trigger].record(len(parcels))
        clock = asyncio.get_running_loop().time
        began = clock()
        await self.keeper.keep(parcels, size)
        self._seconds.record(clock() - began)

    async def _pass_barrier(self, barrier: Barrier) -> None:
        if isinstance(self.collector, Recoverable):
            if self._held is not None and self._held.is_beyond(barrier.sequence):
                barrier.void = True
            else:
                self._held = None
                at = self._stays_at
                self._state = await self._snapshot(at[0] if at else barrier.position)
        # Everything before it is settled here, also where nothing of it was for this collector.
        self.keeper.kept_time = barrier.time
        barrier.arrive(self.place, self._state)

    async def _snapshot(self, position: Position) -> State:
        collector = cast("Recoverable", self.collector)
        state = await self.keeper.insist(lambda: collector.snapshot(position))
        if state is None:
            raise PipelineError(f"the collector at {self.place}: snapshot returned None")
        return state
