"""Runs a step on several items at once: in the order of the items, or as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from .channel import END, Control, Entry
from .receipt import Receipt
from .step_worker import AT_ONCE, StepWorker

__all__ = ["Epoch", "OrderedWorker", "Slot", "UnorderedWorker"]

# How many times the concurrency may be held: enough that one slow item does not stop the others at
# once, and few enough that memory stays small while it is waited for.
_AHEAD = 4


class Slot:
    """The place of one item, or of a mark, in the order of outputs."""

    __slots__ = ("done_at", "mark", "outputs", "receipt")

    def __init__(self, receipt: Receipt | None, mark: Control | None = None) -> None:
        self.receipt = receipt
        self.mark = mark
        self.outputs: Sequence[Any] | None = None
        self.done_at: float | None = None


class OrderedWorker(StepWorker):
    """Processes several items at once, and hands outputs on in the order of the items.

    An item that is done early waits for those before it; `head_of_line` is how many seconds all
    have waited. When four times `concurrency` items are held, no new one is begun.
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
            # One by one, not in batches: an item that waits in a worker's batch could be at work in
            # another worker.
            item, receipt, _ = await inlet.pop()
            if item is END:
                inlet.put_control(END)  # for the next worker
                if self._over:
                    return
                self._over = True
            # In the order of the items, as nothing is awaited between `pop` and here. A mark has a
            # slot like an item, so no item passes it.
            slot = Slot(receipt, item if receipt is None else None)
            slots.append(slot)
            if receipt is not None:
                slot.outputs = await self._outputs(item, receipt)
            # The worker that finishes the first item hands on all that are done behind it; the
            # others only leave their outputs.
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
                # Only now: until it is handed on, it counts as held, and holds back new items.
                slots.popleft()
                self._room.set()
        finally:
            self._handing_on = False


class Epoch:
    """The items between two marks.

    No item may overtake a barrier, or the checkpoint would count as kept what is still in flight.
    So items behind a mark are processed, but their outputs are held until the mark has gone.
    """

    __slots__ = ("active", "held", "mark")

    def __init__(self) -> None:
        self.active = 0
        self.held: list[tuple[Sequence[Any], Receipt]] = []
        self.mark: Control | None = None


class UnorderedWorker(StepWorker):
    """Processes several items at once; outputs are handed on as they come, but none past a barrier."""

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
            if receipt is None:  # a mark closes the epoch; what comes after it belongs to the next
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
                await self._pass_marks()  # this may have been the last item before it
            done += 1
            if done % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _take(self) -> Entry | None:
        """The next entry; None after the end."""
        while self._held >= self._window:
            self._room.clear()
            await self._room.wait()
        entry = await self.inlet.pop()
        # Another worker has taken the end: this entry can only be the mark that it put back.
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
        """Hand on each mark whose items are all done, and what was held behind it."""
        if self._handing_on:  # another worker is at it; it looks again at the end
            return
        self._handing_on = True
        try:
            # Handing on may wait, and items finish meanwhile: look again after each mark.
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
