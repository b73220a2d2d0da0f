"""Hands batches to one collector: tries again, sorts out what failed, settles every receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeAlias

from .._wording import awaiting, describe
from ..collector import Encoding
from ..errors import BatchError, CheckpointError, FlowFailed, PipelineError, is_retryable
from ..failure_log import FailureLog
from ..flow import Delivery, Step
from ..instruments import Instrument, NoTracer, Tracer
from ..json_line import Block
from ..retry import retrying
from .blocks import count_of
from .failure_handler import FailureHandler, Failures
from .receipt import Receipt

__all__ = ["Keeper", "Parcel"]

Parcel: TypeAlias = tuple[Any, Receipt, int]
"""An item on its way into a collector, its receipt and its size. Never a mark."""


class Keeper:
    """Serves the collector of one delivery.

    Args:
        lock: held during each call if the collector stands in several places, so that it gets
            one batch at a time.
        errors: the error counters, by kind.
    """

    def __init__(
        self,
        flow: str,
        step: Step,
        delivery: Delivery,
        failures: FailureHandler,
        *,
        lock: asyncio.Lock | None,
        errors: Mapping[str, Instrument],
        tracer: Tracer,
    ) -> None:
        self.items = 0
        self.bytes = 0
        self.kept_time: float | None = None
        """The time of the newest item that is kept completely, if the source tells times."""
        self._clock = asyncio.get_running_loop().time
        self._called: float | None = None
        self._flow = flow
        self._step = step
        self._delivery = delivery
        self._alone: AbstractAsyncContextManager[Any] = lock or nullcontext()
        self._tracer = tracer
        self.failures = Failures(
            failures,
            FailureLog(f"{flow}/{step.name}/{delivery.name}"),
            errors,
            flow=flow,
            step=step,
            collector=delivery.name,
        )
        collector = delivery.collector
        self._encoding = collector if isinstance(collector, Encoding) else None
        self._collect_plainly = awaiting(
            collector.collect if self._encoding is None else self._encoding.collect_encoded,
            f"the collector {delivery.name!r}",
        )
        self._count = _items_in if getattr(collector, "takes_blocks", False) else len
        # Decided once, not at every batch: most collectors have neither a lock nor a tracer.
        is_plain = lock is None and isinstance(tracer, NoTracer)
        self._collect = self._collect_plainly if is_plain else self._collect_guarded

    @property
    def failing(self) -> str | None:
        """What the collector failed with last, while it is tried again."""
        return self.failures.log.reason

    @property
    def busy(self) -> float:
        """For how many seconds the collector has not returned from its present call."""
        called = self._called
        return 0.0 if called is None else self._clock() - called

    async def keep(self, parcels: Sequence[Parcel], size: int) -> None:
        """Have the collector keep `parcels` of `size` bytes, and settle each, kept or failed.

        Raises:
            FlowFailed: one failed for good, and nothing takes dead letters.
        """
        # `_called` is set and cleared in line here and in `keep_one`: a context manager would cost
        # more than all the rest that is done for a batch of one.
        self._called = self._clock()
        try:
            result = await self._collect([parcel[0] for parcel in parcels])
        except Exception as error:
            self._called = None
            await self._keep_after(parcels, error)
            return
        self._called = None
        # Somebody who returns False for "not kept" would lose records: it must be said by raising.
        if result is not None:
            await self._refuse_result(parcels[0], result)
        self.items += self._count(parcels)
        self.bytes += size
        self.kept_time = parcels[-1][1].time
        for parcel in parcels:
            parcel[1].settle()  # the last thing: it may complete a barrier and write a checkpoint

    async def keep_one(self, parcel: Parcel) -> None:
        """`keep` for a batch of one, the shortest way."""
        item, receipt, size = parcel
        self._called = self._clock()
        try:
            result = await self._collect([item])
        except Exception as error:
            self._called = None
            await self._keep_after((parcel,), error)
            return
        self._called = None
        if result is not None:
            await self._refuse_result(parcel, result)
        self.items += self._count((parcel,))
        self.bytes += size
        self.kept_time = receipt.time
        receipt.settle()

    async def insist(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Await a call that does not belong to an item, such as `snapshot`; retried like `collect`."""
        try:
            with self.failures.log:
                async with self._alone:
                    return await retrying(
                        lambda: self._timed(call), self._delivery.retry, on_retry=self.failures.met
                    )
        except Exception as final:
            raise self._flow_failed(final) from final

    async def _timed(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self._called = self._clock()
        try:
            return await call()
        finally:
            self._called = None

    async def _collect_guarded(self, items: list[Any]) -> Any:
        name = self._delivery.name
        # Two steps may share a collector, which has been promised one batch at a time.
        async with self._alone:
            with self._tracer.span("collect", flow=self._flow, collector=name, items=len(items)):
                return await self._collect_plainly(items)

    async def _keep_after(self, parcels: Sequence[Parcel], error: Exception) -> None:
        """Continue after a first try that raised `error`."""
        pending, worth_retrying = await self._sort_out(parcels, error)
        if worth_retrying is None:  # all are settled: kept, or refused for good
            return

        # Each try can settle some of the members, so the next one is made with what is left.
        async def again() -> None:
            nonlocal pending
            try:
                result = await self._timed(lambda: self._collect([parcel[0] for parcel in pending]))
            except Exception as error:
                pending, worth_retrying = await self._sort_out(pending, error)
                if worth_retrying is not None:
                    raise worth_retrying from error
                return
            if result is not None:
                await self._refuse_result(pending[0], result)
            for parcel in pending:
                self._kept(parcel)

        retry = self._delivery.retry
        try:
            with self.failures.log:
                await retrying(again, retry, after=worth_retrying, on_retry=self.failures.met)
        except FlowFailed:
            raise
        except Exception as final:  # the retry policy has given up: all that is left has failed
            for parcel in pending:
                await self._fail(parcel, final)

    async def _sort_out(
        self, parcels: Sequence[Parcel], error: Exception
    ) -> tuple[Sequence[Parcel], Exception | None]:
        """Settle what `error` decides; return what to try again, and the error that says when."""
        if isinstance(error, BatchError):
            return await self._sort_out_members(parcels, error.failures)
        if is_retryable(error):
            return parcels, error
        if isinstance(error, CheckpointError | PipelineError):  # no item of it is at fault
            raise self._flow_failed(error) from error
        if len(parcels) == 1:
            await self._keep_apart_or_fail(parcels[0], error)
        else:
            # One of them is at fault, and the error does not say which. Halving finds it in few
            # calls, and the others are kept; a collector that knows better raises a BatchError.
            middle = len(parcels) // 2
            for half in (parcels[:middle], parcels[middle:]):
                await self.keep(half, sum(parcel[2] for parcel in half))
        return (), None

    async def _sort_out_members(
        self, parcels: Sequence[Parcel], failures: Mapping[int, Exception]
    ) -> tuple[Sequence[Parcel], Exception | None]:
        # A place that is not in the batch would leave a member unsettled, and the run would hang.
        places = range(len(parcels))
        if not failures or not all(index in places for index in failures):
            raise self._flow_failed(
                PipelineError(
                    f"a BatchError names which of the members 0 to {len(parcels) - 1} failed, "
                    f"not {list(failures)!r:.100}"
                )
            )
        again: list[Parcel] = []
        worth: Exception | None = None
        for index, parcel in enumerate(parcels):
            error = failures.get(index)
            if error is None:
                self._kept(parcel)
            elif is_retryable(error):
                again.append(parcel)
                worth = error
            else:
                await self._keep_apart_or_fail(parcel, error)
        return again, worth

    async def _keep_apart_or_fail(self, parcel: Parcel, error: Exception) -> None:
        """A block that failed for good comes again, item by item; an item alone has failed."""
        if not isinstance(parcel[0], Block):
            await self._fail(parcel, error)
            return
        parcels = await self._taken_apart(parcel)
        if parcels:
            await self.keep(parcels, sum(each[2] for each in parcels))

    async def _taken_apart(self, parcel: Parcel) -> list[Parcel]:
        """The items of a block as parcels of their own, without those that cannot be encoded."""
        block, receipt, _ = parcel
        members = list(block)
        receipt.fork(len(members) - 1)
        if self._encoding is None:
            return [(member, receipt, member.nbytes) for member in members]
        parcels: list[Parcel] = []
        for member in members:
            try:
                encoded = self._encoding.encode(member)
            except Exception as error:
                await self.failures.settle(member, receipt, error)
            else:
                parcels.append((encoded, receipt, len(encoded)))
        return parcels

    def _kept(self, parcel: Parcel) -> None:
        self.items += self._count((parcel,))
        self.bytes += parcel[2]
        self.kept_time = parcel[1].time
        parcel[1].settle()

    async def _fail(self, parcel: Parcel, error: Exception) -> None:
        item, receipt, _ = parcel
        if isinstance(item, Block):
            members = list(item)
            receipt.fork(len(members) - 1)
            for member in members:
                await self.failures.settle(member, receipt, error)
            return
        if self._encoding is not None:  # a dead letter holds the item, not its bytes
            item = self._encoding.decode(item)
        await self.failures.settle(item, receipt, error)

    async def _refuse_result(self, parcel: Parcel, result: Any) -> None:
        await self._fail(
            parcel,
            PipelineError(
                f"the collector returned {result!r:.100}: collect returns nothing when the batch "
                "is kept, and raises when it is not"
            ),
        )

    def _flow_failed(self, error: Exception) -> FlowFailed:
        return FlowFailed(
            f"flow {self._flow!r}, step {self._step.name!r}, collector {self._delivery.name!r}: "
            f"{describe(error)}",
            flow=self._flow,
            step=self._step.name,
        )


def _items_in(parcels: Sequence[Parcel]) -> int:
    """How many items are in them, where some may be blocks."""
    return sum(count_of(parcel[0]) for parcel in parcels)
