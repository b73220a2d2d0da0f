"""Runs a step on one item after another."""

from __future__ import annotations

import asyncio

from .channel import END
from .outputs import all_of
from .step_worker import AT_ONCE, StepWorker

__all__ = ["OneByOne"]


class OneByOne(StepWorker):
    """One item after another."""

    async def run(self) -> None:
        inlet, process = self.inlet, self._process
        only = self._only
        while True:
            entries = await inlet.get(AT_ONCE)
            for item, receipt, _ in entries:
                if receipt is None:
                    self._hand_on_control(item)
                    if item is END:
                        return
                    continue
                # The shortest way, for most items: one output for one place.
                self.items_in += 1
                try:
                    outputs = await process(item)
                    if type(outputs) is not tuple or len(outputs) != 1:
                        outputs = await all_of(outputs, self.step.max_outputs)
                except Exception as error:
                    outputs = await self._outputs_after(item, receipt, error)
                    if outputs is None:
                        continue
                if only is None or len(outputs) != 1:
                    await self._hand_on(outputs, receipt)
                    continue
                self.items_out += 1
                if not only.offer(outputs[0], receipt):
                    await only.put(outputs[0], receipt)
            if len(entries) == AT_ONCE:
                await asyncio.sleep(0)
