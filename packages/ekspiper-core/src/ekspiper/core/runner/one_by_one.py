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
        inlet, process, only = self.inlet, self._process, self._only
        offer = only.offer if only is not None else None
        while True:
            entries = await inlet.get(AT_ONCE)
            taken = len(entries)
            entries.reverse()
            while entries:
                # Popped, so that an item, and what it may have cached, is given back at once.
                item, receipt, _ = entries.pop()
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
            if taken == AT_ONCE:
                await asyncio.sleep(0)
