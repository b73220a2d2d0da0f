"""The bounded links that items cross while a pipeline runs: what a queue is at run time."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..json_line import JsonLine
from .measure import Measure
from .receipt import Receipt
from .report import ChannelStatistics

__all__ = [
    "END",
    "Channel",
    "Control",
    "EncodingChannel",
    "Entry",
    "Fan",
    "Measurer",
    "Outlet",
    "Refused",
    "ValueOutlet",
    "value_of",
]


class Control:
    """A mark that travels among the items: a barrier, or the end."""

    __slots__ = ()


END = Control()
"""Nothing comes after this mark."""


Entry: TypeAlias = tuple[Any, Receipt | None, int]
"""What crosses a channel: an item, its receipt and its size; or a mark with None and 0."""

# Types whose items are all of one size, but for integers that nobody puts into a queue.
_FIXED = {type(one): sys.getsizeof(one) for one in (1, 1.0, True, None)}

# Items that are copied before other tasks get their turn.
_FAN_AT_ONCE = 64

Measurer: TypeAlias = Callable[[Any], int]
Waiting: TypeAlias = "deque[asyncio.Future[None]]"


class Channel:
    """A first-in first-out queue, bounded by items and by bytes.

    Writers wait while it is full, until it is half empty: otherwise reader and writer would take
    turns at every item, and switching tasks costs more than an item does. Marks need no room. An
    item larger than `max_bytes` may be in it alone, so that nothing is too large to pass.
    """

    __slots__ = (
        "_bytes",
        "_entries",
        "_items",
        "_readers",
        "_sizes",
        "_writers",
        "max_bytes",
        "max_items",
        "measure",
        "name",
        "taken_bytes",
    )

    def __init__(self, name: str, *, max_items: int, max_bytes: int, measure: Measurer) -> None:
        self.name = name
        self.max_items = max_items
        self.max_bytes = max_bytes
        self.measure = measure
        self.taken_bytes = 0
        """Bytes that have been read from it so far."""
        self._entries: deque[Entry] = deque()
        self._sizes = _FIXED if isinstance(measure, Measure) else {}
        self._items = 0
        self._bytes = 0
        self._readers: deque[asyncio.Future[None]] = deque()
        self._writers: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return self._items

    def statistics(self) -> ChannelStatistics:
        """How full it is now."""
        return ChannelStatistics(
            self.name, self._items, self.max_items, self._bytes, self.max_bytes
        )

    @property
    def put_bytes(self) -> int:
        """Bytes that have been written to it so far."""
        return self.taken_bytes + self._bytes

    @property
    def full(self) -> bool:
        """Whether a writer must wait."""
        return self._items >= self.max_items or (self._bytes >= self.max_bytes and self._items > 0)

    def offer(self, item: Any, receipt: Receipt, size: int | None = None) -> bool:
        """Append an item if there is room; True if there was.

        Does not wait, so that the common case needs no coroutine.

        Args:
            size: of the item, if it is known already; see `measures_as`.
        """
        items = self._items
        if size is None:
            # A look-up instead of a call, for the items that are numbers.
            size = self._sizes.get(type(item))
            if size is None:
                size = self.measure(item)
        # Before it is appended, so that the bound holds; but an empty channel takes anything.
        if items and (items >= self.max_items or self._bytes + size > self.max_bytes):
            return False
        self._entries.append((item, receipt, size))
        self._items = items + 1
        self._bytes += size
        if self._readers:
            _wake_one(self._readers)
        return True

    def _append(self, item: Any, receipt: Receipt, size: int, items: int) -> None:
        self._entries.append((item, receipt, size))
        self._items += items
        self._bytes += size
        if self._readers:
            _wake_one(self._readers)

    def _forget(self, items: int) -> None:
        """Fewer items are in it than were counted."""
        self._items -= items
        if self._writers and self._half_empty():
            _wake_all(self._writers)

    async def put(self, item: Any, receipt: Receipt, size: int | None = None) -> None:
        """Append an item; waits while the channel is full."""
        while not self.offer(item, receipt, size):
            await self._wait_in(self._writers)

    def measures_as(self, other: Channel) -> bool:
        """Whether an item has the same size here as in `other`, and need not be measured again."""
        ours, theirs = self.measure, other.measure
        return ours is theirs or (isinstance(ours, Measure) and isinstance(theirs, Measure))

    def put_control(self, mark: Control) -> None:
        """Append a mark, at once."""
        self._entries.append((mark, None, 0))
        if self._readers:
            _wake_one(self._readers)

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` entries, oldest first; none when it is empty."""
        entries = self._entries
        # All of them at once is the common case for batches, and needs no loop.
        if len(entries) <= limit:
            taken = list(entries)
            entries.clear()
            self.taken_bytes += self._bytes
            self._items = self._bytes = 0
        else:
            taken = [entries.popleft() for _ in range(limit)]
            for _, receipt, size in taken:
                if receipt is not None:
                    self._items -= 1
                    self._bytes -= size
                    self.taken_bytes += size
        if self._writers and self._half_empty():
            _wake_all(self._writers)  # one may need more room than another: each looks for itself
        return taken

    async def get(self, limit: int) -> list[Entry]:
        """Up to `limit` entries; waits for the first."""
        while not self._entries:
            await self._wait_in(self._readers)
        return self.take(limit)

    async def pop(self) -> Entry:
        """The oldest entry; waits for one."""
        entries = self._entries
        while not entries:
            await self._wait_in(self._readers)
        entry = entries.popleft()
        if entry[1] is not None:
            self._items -= 1
            self._bytes -= entry[2]
            self.taken_bytes += entry[2]
            if self._writers and self._half_empty():
                _wake_all(self._writers)
        return entry

    async def wait_until(self, deadline: float) -> bool:
        """Wait for an entry until `deadline`, by the loop's clock; True if there is one."""
        if self._entries:
            return True
        loop = asyncio.get_running_loop()
        if loop.time() >= deadline:
            return False
        # A timer that wakes the reader is cheaper than a task with a time-out around this one.
        timer = loop.call_at(deadline, _wake_all, self._readers)
        try:
            await self._wait_in(self._readers)
        finally:
            timer.cancel()
        return bool(self._entries)

    def _half_empty(self) -> bool:
        return self._items <= self.max_items // 2 and self._bytes <= self.max_bytes // 2

    async def _wait_in(self, waiting: Waiting) -> None:
        # Futures in a deque, not an asyncio.Condition: that takes a lock for each item.
        future = asyncio.get_running_loop().create_future()
        waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future in waiting:
                waiting.remove(future)
            else:  # it was the turn of this one, which is cancelled: pass it on
                _wake_one(waiting)
            raise


def _wake_one(waiting: Waiting) -> None:
    """Wake the one that has waited longest."""
    while waiting:
        future = waiting.popleft()
        if not future.done():
            future.set_result(None)
            return


def _wake_all(waiting: Waiting) -> None:
    """Wake all: each looks again, and waits again if it came too late."""
    while waiting:
        _wake_one(waiting)


class Refused:
    """Takes the place of an item that could not be encoded, with the reason."""

    __slots__ = ("error", "item")

    def __init__(self, item: Any, error: Exception) -> None:
        self.item = item
        self.error = error


class EncodingChannel(Channel):
    """A channel to a collector that has its items encoded as soon as they are made.

    It holds bytes. The last item may exceed `max_bytes`, as its size is known only once it has
    been encoded, and it is not encoded twice.

    Args:
        encode: makes the bytes; if it raises, the reader gets a `Refused`.
    """

    __slots__ = ("_encode",)

    def __init__(
        self, name: str, *, max_items: int, max_bytes: int, encode: Callable[[Any], bytes]
    ) -> None:
        super().__init__(name, max_items=max_items, max_bytes=max_bytes, measure=Measure())
        self._encode = encode

    def offer(self, item: Any, receipt: Receipt, size: int | None = None) -> bool:
        """Encode an item and append it if there is room; True if there was."""
        if self.full:  # without a look at `size`: bytes are counted here
            return False
        entry: bytes | Refused
        try:
            entry = self._encode(item)
            size = len(entry)
        except Exception as error:
            entry, size = Refused(item, error), self.measure(item)
        self._entries.append((entry, receipt, size))
        self._items += 1
        self._bytes += size
        if self._readers:
            _wake_one(self._readers)
        return True


class ValueOutlet:
    """The way into a channel for records that came as lines: it carries their values."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def measures_as(self, other: Channel) -> bool:
        """Never: a line and its record are not of one size."""
        return False

    def offer(self, item: Any, receipt: Receipt, size: int | None = None) -> bool:
        """Append the record if there is room; True if there was."""
        # First: it may take a while to make the record, in vain if the channel is full.
        if self._channel.full:
            return False
        return self._channel.offer(value_of(item), receipt)

    async def put(self, item: Any, receipt: Receipt, size: int | None = None) -> None:
        """Append the record; waits while the channel is full."""
        await self._channel.put(value_of(item), receipt)

    def put_control(self, mark: Control) -> None:
        """Append a mark, at once."""
        self._channel.put_control(mark)

    @property
    def put_bytes(self) -> int:
        """Bytes that have been written to the channel so far."""
        return self._channel.put_bytes


def value_of(item: Any) -> Any:
    """The record, where an item is one that came as a line."""
    return item.value if isinstance(item, JsonLine) else item


Outlet: TypeAlias = Channel | ValueOutlet
"""Where a step puts its outputs."""


class Fan:
    """Copies the items of a flow to each of its steps, through a channel for each.

    All channels measure items in the same way, so each item is measured once.

    A slow step fills its own channel before it holds up the others.
    """

    def __init__(self, inlet: Channel, outlets: Sequence[Channel]) -> None:
        self.inlet = inlet
        self.outlets = outlets

    async def run(self) -> None:
        """Copy until the end."""
        more = len(self.outlets) - 1
        while True:
            for item, receipt, size in await self.inlet.get(_FAN_AT_ONCE):
                if receipt is None:
                    for outlet in self.outlets:
                        outlet.put_control(item)
                    if item is END:
                        return
                    continue
                receipt.fork(more)  # before the first copy: a part may settle at once
                for outlet in self.outlets:
                    if not outlet.offer(item, receipt, size):
                        await outlet.put(item, receipt, size)
            await asyncio.sleep(0)  # channels with room never make this task wait
