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
        offer = self._only.offer if self._only is not None else None
        while True:
            entries = await inlet.get(AT_ONCE)
            for item, receipt, _ in entries:
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
                        if offer is not None and offer(outputs[0], receipt):
                            self.items_out += 1
                            continue
                    else:
                        outputs = await all_of(outputs, self.step.max_outputs)
                except Exception as error:
                    outputs = await self._outputs_after(item, receipt, error)
                    if outputs is None:
                        continue
                await self._hand_on(outputs, receipt)
            if len(entries) == AT_ONCE:
                await asyncio.sleep(0)
