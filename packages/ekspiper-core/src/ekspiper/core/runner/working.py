"""Runs one step: one item after another, or several at once with their outputs in order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any

from ..errors import PipelineError, is_retryable
from ..flow import Step
from ..instruments import Instrument
from ..receipt import Receipt, Status
from ..retry import retrying
from ..tracing import NoTracer, Tracer
from .barrier import Barrier
from .channel import END, Channel, Control, Entry
from .failing import Failures, kind_of

__all__ = ["OneByOne", "Ordered", "StepWorker", "Unordered", "worker_for"]

_AT_ONCE = 64
_AHEAD = 4
"""An ordered step holds at most this many times its concurrency, finished items included."""


class StepWorker(ABC):
    """What all ways of running a step share.

    Args:
        place: the step's `flow/step`.
        inlet: where items come from.
        outlets: the channels of the step's queues and collectors.
    """

    def __init__(
        self,
        flow: str,
        step: Step,
        inlet: Channel,
        outlets: Sequence[Channel],
        failures: Failures,
        *,
        source: str,
        errors: dict[str, Instrument],
        tracer: Tracer,
    ) -> None:
        self.flow = flow
        self.step = step
        self.inlet = inlet
        self.outlets = outlets
        self.source = source
        self.items_in = 0
        self.items_out = 0
        self.retries = 0
        self.dead_letters = 0
        self.dropped = 0
        self.head_of_line = 0.0
        self._failures = failures
        self._errors = errors
        self._tracer = None if isinstance(tracer, NoTracer) else tracer
        self._process = step.processor.process

    @property
    def place(self) -> str:
        """`flow/step`."""
        return f"{self.flow}/{self.step.name}"

    @abstractmethod
    async def run(self) -> None:
        """Work until the end mark has been handed on."""

    async def _outputs(self, item: Any) -> Sequence[Any]:
        """All outputs of one item."""
        if self._tracer is None:
            made = await self._process(item)
        else:
            with self._tracer.span("process", flow=self.flow, step=self.step.name):
                made = await self._process(item)
        if (type(made) is tuple or type(made) is list) and len(made) <= self.step.max_outputs:
            return made
        return await self._all_of(made)

    async def _all_of(self, made: Any) -> list[Any]:
        outputs = []
        if isinstance(made, AsyncIterable):
            async for output in made:
                outputs.append(output)
                self._bound(outputs)
        elif isinstance(made, Iterable) and not isinstance(made, str | bytes | dict):
            for output in made:
                outputs.append(output)
                self._bound(outputs)
        else:
            raise PipelineError(
                f"the processor returned {made!r:.100}: process returns an iterable of outputs, "
                "for example (output,)"
            )
        return outputs

    def _bound(self, outputs: list[Any]) -> None:
        if len(outputs) > self.step.max_outputs:
            raise PipelineError(
                f"the processor gave more than {self.step.max_outputs} outputs for one item; "
                "if that is meant, raise max_outputs of the step"
            )

    async def _settle_failure(self, item: Any, receipt: Receipt, error: Exception) -> None:
        status = await self._failures.settle(
            item,
            receipt,
            error,
            on_error=self.step.on_error,
            source=self.source,
            flow=self.flow,
            step=self.step.name,
        )
        self.dead_letters += status is Status.DEAD_LETTERED
        self.dropped += status is Status.DROPPED

    async def _try(self, item: Any, receipt: Receipt) -> Sequence[Any] | None:
        """The outputs of an item; None when it failed for good and is settled."""
        self.items_in += 1
        try:
            return await self._outputs(item)
        except Exception as error:
            return await self._try_again(item, receipt, error)

    async def _try_again(
        self, item: Any, receipt: Receipt, error: Exception
    ) -> Sequence[Any] | None:
        final = error
        if is_retryable(error):
            try:
                return await retrying(
                    lambda: self._outputs(item), self.step.retry, after=error, on_retry=self._retry
                )
            except Exception as last:
                final = last
        self._errors[kind_of(final)].record(1)
        await self._settle_failure(item, receipt, final)
        return None

    def _retry(self, error: Exception) -> None:
        self.retries += 1
        self._errors[kind_of(error)].record(1)

    async def _hand_on(self, outputs: Sequence[Any], receipt: Receipt) -> None:
        """Put outputs into every outlet; the item's own part of the receipt goes with them."""
        outlets = self.outlets
        parts = len(outputs) * len(outlets)
        self.items_out += len(outputs)
        if parts == 0:
            receipt.settle()
            return
        if parts > 1:
            receipt.fork(parts - 1)
        for output in outputs:
            for outlet in outlets:
                if not outlet.offer(output, receipt):
                    await outlet.put(output, receipt)

    def _hand_on_control(self, mark: Control) -> None:
        for outlet in self.outlets:
            outlet.put_control(mark)
        if not self.outlets and isinstance(mark, Barrier):
            mark.arrive(self.place)


class OneByOne(StepWorker):
    """One item after another."""

    async def run(self) -> None:
        inlet = self.inlet
        while True:
            for item, receipt, _ in await inlet.get(_AT_ONCE):
                if receipt is None:
                    self._hand_on_control(item)
                    if item is END:
                        return
                    continue
                outputs = await self._try(item, receipt)
                if outputs is not None:
                    await self._hand_on(outputs, receipt)
            await asyncio.sleep(0)


class Slot:
    """The place of one item among the ordered outputs."""

    __slots__ = ("done_at", "mark", "outputs", "receipt")

    def __init__(self, receipt: Receipt | None, mark: Control | None = None) -> None:
        self.receipt = receipt
        self.mark = mark
        self.outputs: Sequence[Any] | None = None
        self.done_at: float | None = None


class Ordered(StepWorker):
    """Several items at once; outputs in the order of the items.

    An item that is done early waits for those before it (`head_of_line` seconds in all). When
    four times `concurrency` items are held, no new one is begun.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._slots: deque[Slot] = deque()
        self._window = self.step.concurrency * _AHEAD
        self._room = asyncio.Event()
        self._room.set()
        self._handing_on = False
        self._over = False
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.step.concurrency):
                group.create_task(self._work())

    async def _work(self) -> None:
        inlet, slots = self.inlet, self._slots
        busy = 0
        while True:
            while len(slots) >= self._window:
                self._room.clear()
                await self._room.wait()
            item, receipt, _ = await inlet.pop()
            if item is END:
                inlet.put_control(END)  # for the next worker
                if self._over:
                    return
                self._over = True
            slot = Slot(receipt, item if receipt is None else None)
            slots.append(slot)
            if receipt is not None:
                slot.outputs = await self._try(item, receipt)
            slot.done_at = self._clock()
            if slots[0] is slot and not self._handing_on:
                await self._hand_on_done()
            if item is END:
                return
            busy += 1
            if busy % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _hand_on_done(self) -> None:
        slots = self._slots
        self._handing_on = True
        try:
            while slots and (done_at := slots[0].done_at) is not None:
                slot = slots[0]
                self.head_of_line += self._clock() - done_at
                if slot.mark is not None:
                    self._hand_on_control(slot.mark)
                elif slot.outputs is not None and slot.receipt is not None:
                    await self._hand_on(slot.outputs, slot.receipt)
                slots.popleft()
                self._room.set()
        finally:
            self._handing_on = False


class Unordered(StepWorker):
    """Several items at once; outputs as they come. A barrier waits for the items before it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._taking = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()
        self._active = 0
        self._over = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.step.concurrency):
                group.create_task(self._work())
        self._hand_on_control(END)

    async def _work(self) -> None:
        done = 0
        while (entry := await self._take()) is not None:
            item, receipt, _ = entry
            assert receipt is not None
            try:
                outputs = await self._try(item, receipt)
                if outputs is not None:
                    await self._hand_on(outputs, receipt)
            finally:
                self._active -= 1
                if self._active == 0:
                    self._idle.set()
            done += 1
            if done % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _take(self) -> Entry | None:
        """The next item; None at the end. Marks are dealt with here, when all else is done."""
        async with self._taking:
            while not self._over:
                entry = await self.inlet.pop()
                if entry[1] is not None:
                    self._active += 1
                    self._idle.clear()
                    return entry
                await self._idle.wait()
                if entry[0] is END:
                    self._over = True
                else:
                    self._hand_on_control(entry[0])
            return None


def worker_for(step: Step, *args: Any, **options: Any) -> StepWorker:
    """The worker that runs `step`. The arguments are those of `StepWorker`, from `inlet` on."""
    if step.concurrency == 1:
        return OneByOne(*args, **options)
    return (Ordered if step.ordered else Unordered)(*args, **options)
