"""Runs a step: calls the processor and hands its outputs on; here, for one item after another."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from .._wording import awaiting
from ..errors import is_retryable
from ..failure_log import FailureLog
from ..flow import Step
from ..instruments import Instrument, NoTracer, Tracer
from ..json_line import LineProcessor
from ..processor import FunctionProcessor, all_of
from ..retry import retrying
from .barrier import Barrier
from .channel import END, Channel, Control, Outlet
from .failure_handler import FailureHandler, Failures
from .receipt import Receipt
from .report import StepStatistics

__all__ = ["AT_ONCE", "OneByOneWorker", "StepWorker"]

log = logging.getLogger("ekspiper")

AT_ONCE = 64
"""Items after which a worker that never waits gives other tasks their turn."""

# Seconds of failing that are not logged: one of several servers is always busy for a moment.
_PATIENCE = 5.0


class StepWorker(ABC):
    """What all ways of running a step have in common.

    Args:
        inlet: where items come from.
        outlets: the ways to the step's queues and collectors.
        errors: the error counters, by kind.
        makes_lines: have the processor, a `LineProcessor`, give its outputs as lines.
    """

    def __init__(
        self,
        flow: str,
        step: Step,
        inlet: Channel,
        outlets: Sequence[Outlet],
        failures: FailureHandler,
        *,
        errors: dict[str, Instrument],
        tracer: Tracer,
        makes_lines: bool = False,
    ) -> None:
        self.flow = flow
        self.step = step
        self.place = f"{flow}/{step.name}"
        self.inlet = inlet
        self.outlets = outlets
        self.items_in = 0
        self.items_out = 0
        self.head_of_line = 0.0
        self.failures = Failures(
            failures,
            FailureLog(self.place, patience=_PATIENCE),
            errors,
            flow=flow,
            step=step,
        )
        self._only = outlets[0] if len(outlets) == 1 else None
        self._tracer = tracer
        process = step.processor.process
        if makes_lines:
            process = cast("LineProcessor", step.processor).process_to_lines
        self._process_plainly = awaiting(process, f"the processor {step.name!r}")
        self._process: Callable[[Any], Awaitable[Any]] = (
            self._process_plainly if isinstance(tracer, NoTracer) else self._process_traced
        )
        # Whether a function blocks shows when it is called: a plain one may return a coroutine.
        if step.concurrency > 1 and isinstance(step.processor, FunctionProcessor):
            self._judge, self._process = self._process, self._process_and_judge

    @abstractmethod
    async def run(self) -> None:
        """Work until the end mark has been handed on."""

    async def _process_traced(self, item: Any) -> list[Any]:
        # The outputs are read inside the span: a generator does its work only then.
        with self._tracer.span("process", flow=self.flow, step=self.step.name):
            return await all_of(await self._process_plainly(item), self.step.max_outputs)

    async def _process_and_judge(self, item: Any) -> Any:
        """The first call of a function that is to run on several items at once: does it block?"""
        self._process = self._judge  # only this once
        made = await self._process(item)
        if cast("FunctionProcessor", self.step.processor).blocks:
            log.warning(
                "%s: concurrency=%d has no effect, as %s is a plain function: its calls run one "
                "after another, and everything else waits. Make it async, or run it in threads: "
                "Step(..., threads=True)",
                self.place,
                self.step.concurrency,
                self.step.name,
            )
        return made

    async def _outputs(self, item: Any, receipt: Receipt) -> Sequence[Any] | None:
        """The outputs of an item; None when it failed for good and is settled."""
        self.items_in += 1
        try:
            made = await self._process(item)
            # A tuple of one is what most processors return: no copy, and no look at its type.
            if type(made) is tuple and len(made) == 1:
                return made
            return await all_of(made, self.step.max_outputs)
        except Exception as error:
            return await self._outputs_after(item, receipt, error)

    async def _outputs_after(
        self, item: Any, receipt: Receipt, error: Exception
    ) -> Sequence[Any] | None:
        """Continue after a first try that raised `error`."""

        async def again() -> Sequence[Any]:
            return await all_of(await self._process(item), self.step.max_outputs)

        # The processor was called once already, outside of any retry: most calls succeed.
        final = error
        if is_retryable(error):
            try:
                with self.failures.log:
                    return await retrying(
                        again, self.step.retry, after=error, on_retry=self.failures.met
                    )
            except Exception as last:
                final = last
        await self.failures.settle(item, receipt, final)
        return None

    def statistics(self) -> StepStatistics:
        """What the step has done so far."""
        return StepStatistics(
            items_in=self.items_in,
            bytes_in=self.inlet.taken_bytes,
            items_out=self.items_out,
            bytes_out=self.outlets[0].put_bytes if self.outlets else 0,
            retries=self.failures.retries,
            dead_letters=self.failures.dead_letters,
            dropped=self.failures.dropped,
            head_of_line=self.head_of_line,
            failing=self.failures.log.reason,
        )

    def _offer(self, outputs: Sequence[Any], receipt: Receipt) -> bool:
        """Hand on one output to one place, if that is all there is, and room; True if it did."""
        only = self._only
        if only is None or len(outputs) != 1 or not only.offer(outputs[0], receipt):
            return False
        self.items_out += 1
        return True

    async def _hand_on(self, outputs: Sequence[Any], receipt: Receipt) -> None:
        """Put each output into every outlet, with a part of the receipt for each."""
        outlets = self.outlets
        parts = len(outputs) * len(outlets)
        self.items_out += len(outputs)
        if parts == 0:
            receipt.settle()
            return
        if parts > 1:  # the item's own part goes with the first of them
            receipt.fork(parts - 1)
        for output in outputs:
            for outlet in outlets:
                if not outlet.offer(output, receipt):
                    await outlet.put(output, receipt)

    def _hand_on_control(self, mark: Control) -> None:
        for outlet in self.outlets:
            outlet.put_control(mark)
        # A step without collectors is an end of the flows itself.
        if not self.outlets and isinstance(mark, Barrier):
            mark.arrive(self.place)


class OneByOneWorker(StepWorker):
    """Processes one item after another.

    It is the common case, and written out in one loop: calls of helpers took a third of the time.
    """

    async def run(self) -> None:
        inlet, process, only = self.inlet, self._process, self._only
        offer = only.offer if only is not None else None
        knows_size = only is not None and only.measures_as(inlet)
        while True:
            entries = await inlet.get(AT_ONCE)
            taken = len(entries)
            entries.reverse()  # to pop from the end, which is cheap
            while entries:
                # Popped, so that the memory of an item is free as soon as it is done.
                item, receipt, size = entries.pop()
                if receipt is None:
                    self._hand_on_control(item)
                    if item is END:
                        return
                    continue
                self.items_in += 1
                try:
                    outputs = await process(item)
                    if type(outputs) is tuple and len(outputs) == 1:
                        # The shortest way, for most items: one output for one place with room.
                        # If the item itself is handed on, its size is known.
                        known = size if knows_size and outputs[0] is item else None
                        if offer is not None and offer(outputs[0], receipt, known):
                            self.items_out += 1
                            continue
                    else:
                        outputs = await all_of(outputs, self.step.max_outputs)
                except Exception as error:
                    outputs = await self._outputs_after(item, receipt, error)
                    if outputs is None:
                        continue
                await self._hand_on(outputs, receipt)
            if taken == AT_ONCE:
                await asyncio.sleep(0)
