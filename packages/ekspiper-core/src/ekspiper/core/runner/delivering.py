"""Serves one collector: fills batches, hands them over, and settles what was kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..collector import Recoverable, State
from ..errors import BatchError, FlowFailed, PipelineError, is_retryable
from ..flow import Delivery, Step
from ..instruments import Instrument
from ..receipt import Status
from ..retry import retrying
from ..source import Position
from ..tracing import NoTracer, Tracer
from .barrier import Barrier
from .batch import Batch, Trigger
from .channel import END, Channel, Entry
from .failing import Failures, describe, kind_of
from .held import Held

__all__ = ["Deliverer"]

log = logging.getLogger("ekspiper")


class Deliverer:
    """Moves the entries of a channel into a collector.

    Args:
        root: the flow that reads the source of these items.
        source: that source's identity.
        lock: held during each call, so that a collector that stands in several places gets one
            batch at a time.
        errors: the error counters, by kind.
        batches: the histograms of batch sizes, by trigger.
        seconds: the histogram of the time a batch took.
    """

    def __init__(
        self,
        flow: str,
        step: Step,
        delivery: Delivery,
        inlet: Channel,
        failures: Failures,
        lock: asyncio.Lock,
        *,
        root: str,
        source: str,
        errors: Mapping[str, Instrument],
        batches: Mapping[str, Instrument] | None,
        seconds: Instrument | None,
        tracer: Tracer,
    ) -> None:
        self.flow = flow
        self.step = step
        self.delivery = delivery
        self.collector = delivery.collector
        self.inlet = inlet
        self.root = root
        self.source = source
        self.kept_items = 0
        self.kept_bytes = 0
        self.retries = 0
        self.dead_letters = 0
        self.dropped = 0
        self.failing: str | None = None
        self._failures = failures
        self._lock = lock
        self._errors = errors
        self._batches = batches
        self._seconds = seconds
        self._tracer = None if isinstance(tracer, NoTracer) else tracer
        self._state: State | None = None
        self._held = Held(None, checkpoint=None)

    @property
    def place(self) -> str:
        """`flow/step/collector`: what a checkpoint calls it."""
        return f"{self.flow}/{self.step.name}/{self.delivery.name}"

    async def restore(self, state: State | None, position: Position) -> None:
        """Bring a recoverable collector back to `state`, taken at `position`."""
        if isinstance(self.collector, Recoverable):
            self._state = state
            self._held = Held(await self.collector.restore(state), checkpoint=position)

    async def first_state(self) -> State | None:
        """What a recoverable collector holds before it gets anything; None for the others."""
        collector = self.collector
        if isinstance(collector, Recoverable) and not self._held.ahead:
            self._state = await self._insist(lambda: collector.snapshot(None))
        return self._state

    async def run(self) -> None:
        """Serve until the end mark.

        Raises:
            FlowFailed: an item failed for good and nothing takes dead letters.
        """
        batch = Batch(self.delivery.policy)
        clock = asyncio.get_running_loop().time
        inlet = self.inlet
        while True:
            for entry in await inlet.get(batch.policy.count):
                item, receipt, _ = entry
                if receipt is None:
                    await self._flush(batch, "end" if item is END else "barrier")
                    if item is END:
                        self._tell_unreached()
                        return
                    await self._pass_barrier(item)
                    continue
                if self._held.covers(receipt.position):
                    receipt.settle()
                    continue
                if not batch.fits(entry):
                    await self._flush(batch, "bytes")
                trigger = batch.add(entry, now=clock())
                if trigger is not None:
                    await self._flush(batch, trigger)
            while batch.entries and not await inlet.wait_until(batch.deadline):
                await self._flush(batch, "period")
            await asyncio.sleep(0)

    def _tell_unreached(self) -> None:
        if self._held.ahead:
            log.warning(
                "%s already holds everything up to %r and got nothing: its source ended before",
                self.place,
                self._held.position,
            )

    async def _pass_barrier(self, barrier: Barrier) -> None:
        collector = self.collector
        if isinstance(collector, Recoverable) and not self._held.ahead:
            async with self._lock:
                self._state = await self._insist(lambda: collector.snapshot(barrier.position))
            if self._state is None:
                raise PipelineError(f"collector {self.delivery.name!r}: snapshot returned None")
        barrier.arrive(self.place, self._state)

    async def _insist(self, call: Any) -> Any:
        """Await a call that belongs to no single item: tried again as the collector is."""
        try:
            return await call()
        except Exception as error:
            try:
                return await retrying(call, self.delivery.retry, after=error, on_retry=self._retry)
            except Exception as final:
                raise FlowFailed(
                    f"flow {self.flow!r}, collector {self.delivery.name!r}: {describe(final)}",
                    flow=self.flow,
                    step=self.step.name,
                ) from final
        finally:
            self.failing = None

    async def _flush(self, batch: Batch, trigger: Trigger) -> None:
        if not batch.entries:
            return
        size = batch.bytes
        entries = batch.take()
        if self._batches is not None:
            self._batches[trigger].record(len(entries))
        if self._seconds is None:
            await self._keep(entries)
        else:
            clock = asyncio.get_running_loop().time
            began = clock()
            await self._keep(entries)
            self._seconds.record(clock() - began)
        self.kept_bytes += size

    async def _keep(self, entries: Sequence[Entry]) -> None:
        """Have the collector keep `entries`, and settle each, kept or failed."""
        pending, error = await self._attempt(entries)
        if error is None:
            return

        async def again() -> None:
            nonlocal pending
            pending, error = await self._attempt(pending)
            if error is not None:
                raise error

        try:
            await retrying(again, self.delivery.retry, after=error, on_retry=self._retry)
        except Exception as final:
            for entry in pending:
                await self._settle_failure(entry, final)
        finally:
            self.failing = None

    async def _attempt(self, entries: Sequence[Entry]) -> tuple[Sequence[Entry], Exception | None]:
        """One call. What is worth trying again, and the error that says so."""
        try:
            await self._collect(entries)
        except BatchError as error:
            return await self._sort_out(entries, error.failures)
        except Exception as error:
            if is_retryable(error):
                return entries, error
            if isinstance(error, PipelineError) or len(entries) == 1:
                await self._settle_failure(entries[0], error)
            else:  # which of them it was shows when they come alone
                middle = len(entries) // 2
                await self._keep(entries[:middle])
                await self._keep(entries[middle:])
            return (), None
        for entry in entries:
            entry[1].settle()  # type: ignore[union-attr]  # marks never enter a batch
        self.kept_items += len(entries)
        return (), None

    async def _collect(self, entries: Sequence[Entry]) -> None:
        items = [entry[0] for entry in entries]
        async with self._lock:
            if self._tracer is None:
                result: Any = await self.collector.collect(items)  # type: ignore[func-returns-value]
            else:
                with self._tracer.span(
                    "collect", flow=self.flow, collector=self.delivery.name, items=len(items)
                ):
                    result = await self.collector.collect(items)  # type: ignore[func-returns-value]
        if result is not None:
            raise PipelineError(
                f"the collector returned {result!r:.100}: collect returns nothing when the batch "
                "is kept, and raises when it is not"
            )

    async def _sort_out(
        self, entries: Sequence[Entry], failures: Mapping[int, Exception]
    ) -> tuple[Sequence[Entry], Exception | None]:
        """Settle the kept and the failed members of a batch; return those to try again."""
        if not failures or not all(index in range(len(entries)) for index in failures):
            raise PipelineError(
                f"a BatchError names the failed members 0 to {len(entries) - 1}, "
                f"not {sorted(failures)!r:.100}"
            )
        again: list[Entry] = []
        worth: Exception | None = None
        for index, entry in enumerate(entries):
            error = failures.get(index)
            if error is None:
                entry[1].settle()  # type: ignore[union-attr]  # marks never enter a batch
                self.kept_items += 1
            elif is_retryable(error):
                again.append(entry)
                worth = error
            else:
                await self._settle_failure(entry, error)
        return again, worth

    async def _settle_failure(self, entry: Entry, error: Exception) -> None:
        item, receipt, _ = entry
        assert receipt is not None, "marks never enter a batch"
        self._errors[kind_of(error)].record(1)
        status = await self._failures.settle(
            item,
            receipt,
            error,
            on_error=self.step.on_error,
            source=self.source,
            flow=self.flow,
            step=self.step.name,
            collector=self.delivery.name,
        )
        self.dead_letters += status is Status.DEAD_LETTERED
        self.dropped += status is Status.DROPPED

    def _retry(self, error: Exception) -> None:
        self.retries += 1
        self.failing = describe(error)
        self._errors[kind_of(error)].record(1)
