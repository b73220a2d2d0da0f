"""Runs a step on several items at once and hands outputs on as they come."""

from __future__ import annotations

import asyncio
from typing import Any

from .channel import END, Entry
from .step_worker import AT_ONCE, StepWorker

__all__ = ["Unordered"]


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
                outputs = await self._outputs(item, receipt)
                if outputs is not None and not self._offer(outputs, receipt):
                    await self._hand_on(outputs, receipt)
            finally:
                self._active -= 1
                if self._active == 0:
                    self._idle.set()
            done += 1
            if done % AT_ONCE == 0:
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
