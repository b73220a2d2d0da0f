"""Runs a step on several items at once and hands outputs on as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from ..receipt import Receipt
from .channel import END, Control, Entry
from .step_worker import AT_ONCE, StepWorker

__all__ = ["Epoch", "Unordered"]

_AHEAD = 4
"""At most this many times the concurrency of outputs wait behind a barrier."""


class Epoch:
    """The items between two marks.

    Outputs of an epoch are held until the mark before it has been handed on, so that no item
    passes a barrier; its items are worked on nevertheless.
    """

    __slots__ = ("active", "held", "mark")

    def __init__(self) -> None:
        self.active = 0
        self.held: list[tuple[Sequence[Any], Receipt]] = []
        self.mark: Control | None = None


class Unordered(StepWorker):
    """Several items at once; outputs as they come, but each on its side of a barrier."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._epochs: deque[Epoch] = deque([Epoch()])
        self._held = 0
        self._window = self.step.concurrency * _AHEAD
        self._room = asyncio.Event()
        self._room.set()
        self._over = False
        self._handing_on = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.step.concurrency):
                group.create_task(self._work())

    async def _work(self) -> None:
        done = 0
        while (entry := await self._take()) is not None:
            item, receipt, _ = entry
            epoch = self._epochs[-1]
            if receipt is None:
                self._over = item is END
                if self._over:
                    self.inlet.put_control(END)  # for the next worker
                epoch.mark = item
                self._epochs.append(Epoch())
                await self._pass_marks()
                continue
            epoch.active += 1
            outputs = await self._outputs(item, receipt)
            if outputs is not None:
                await self._finish(epoch, outputs, receipt)
            epoch.active -= 1
            if epoch.mark is not None:
                await self._pass_marks()
            done += 1
            if done % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _take(self) -> Entry | None:
        """The next entry; None behind the end."""
        while self._held >= self._window:
            self._room.clear()
            await self._room.wait()
        entry = await self.inlet.pop()
        if self._over:
            self.inlet.put_control(END)
            return None
        return entry

    async def _finish(self, epoch: Epoch, outputs: Sequence[Any], receipt: Receipt) -> None:
        if epoch is not self._epochs[0]:
            epoch.held.append((outputs, receipt))
            self._held += 1
        elif not self._offer(outputs, receipt):
            await self._hand_on(outputs, receipt)

    async def _pass_marks(self) -> None:
        """Hand on each mark that nothing before it is missing of, and what was held behind it."""
        if self._handing_on:
            return
        self._handing_on = True
        try:
            while (first := self._epochs[0]).mark is not None and not first.active:
                self._hand_on_control(first.mark)
                self._epochs.popleft()
                await self._release(self._epochs[0])
        finally:
            self._handing_on = False

    async def _release(self, epoch: Epoch) -> None:
        held, epoch.held = epoch.held, []
        for outputs, receipt in held:
            if not self._offer(outputs, receipt):
                await self._hand_on(outputs, receipt)
        self._held -= len(held)
        self._room.set()
