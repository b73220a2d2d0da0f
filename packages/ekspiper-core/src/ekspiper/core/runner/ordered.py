"""Runs a step on several items at once and hands outputs on in the order of the items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from ..receipt import Receipt
from .channel import END, Control
from .step_worker import AT_ONCE, StepWorker

__all__ = ["Ordered", "Slot"]

_AHEAD = 4
"""At most this many times the concurrency is held, finished items included."""


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
                slot.outputs = await self._outputs(item, receipt)
            if slots[0] is slot and not self._handing_on:
                slot.done_at = 0.0  # it waits for nobody
                await self._hand_on_done()
            else:
                slot.done_at = self._clock()
            if item is END:
                return
            busy += 1
            if busy % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _hand_on_done(self) -> None:
        slots = self._slots
        self._handing_on = True
        try:
            while slots and (done_at := slots[0].done_at) is not None:
                slot = slots[0]
                outputs, receipt = slot.outputs, slot.receipt
                if done_at and receipt is not None:
                    self.head_of_line += self._clock() - done_at
                if slot.mark is not None:
                    self._hand_on_control(slot.mark)
                elif outputs is None or receipt is None:
                    pass  # it failed, and is settled
                elif not self._offer(outputs, receipt):
                    await self._hand_on(outputs, receipt)
                slots.popleft()
                self._room.set()
        finally:
            self._handing_on = False
