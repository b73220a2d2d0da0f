"""Blocks on their way: the channels that they cross, and the steps that make and take them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

from .._wording import describe
from ..errors import EkspiperError, is_retryable
from ..instruments import NoTracer
from ..json_line import AsyncBlockProcessor, Block, BlockProcessor, LineBlock
from .channel import END, EncodingChannel, Entry, Measurer, value_of
from .concurrent_worker import OrderedWorker
from .measure import Measure
from .receipt import Receipt
from .step_worker import AT_ONCE, StepWorker

__all__ = ["BlockChannel", "BlockWorker", "OrderedBlockWorker", "count_of"]

log = logging.getLogger("ekspiper")


def count_of(item: Any) -> int:
    """How many items an item stands for."""
    return item.count if isinstance(item, Block) else 1


class BlockChannel(EncodingChannel):
    """A channel to those who take blocks: a block counts as many items as are in it.

    One with more items than `max_items` may be in it alone, as an item that is too large may.

    Args:
        lines: whether the blocks that are taken are those of lines, or those of other items.
        most: at most this many items stand in a block.
        encode: makes the bytes of an item that comes by itself; without it, it stays as it is.
    """

    __slots__ = ("_encodes", "lines", "most")

    def __init__(
        self,
        name: str,
        *,
        max_items: int,
        max_bytes: int,
        measure: Measurer | None = None,
        encode: Callable[[Any], bytes] | None = None,
        lines: bool = False,
        most: int = sys.maxsize,
    ) -> None:
        super().__init__(name, max_items=max_items, max_bytes=max_bytes, encode=encode or bytes)
        self.measure = measure or Measure()
        self.lines = lines
        self.most = most
        self._encodes = encode is not None

    def offer(self, item: Any, receipt: Receipt, size: int | None = None) -> bool:
        """Append a block or an item if there is room; True if there was."""
        if not isinstance(item, Block):
            offer = super().offer if self._encodes else super(EncodingChannel, self).offer
            return offer(item, receipt, size)
        count, size = item.count, item.nbytes
        if self._items and (
            self._items + count > self.max_items or self._bytes + size > self.max_bytes
        ):
            return False
        self._append(item, receipt, size, count)
        return True

    def parts_of(self, block: Block) -> Sequence[Any]:
        """What of a block is put into this channel, one after another."""
        if isinstance(block, LineBlock) is self.lines:
            return block.pieces(self.most)
        return list(block) if self.lines else list(map(value_of, block))

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` entries, each a block, an item or a mark, oldest first."""
        taken = super().take(limit)
        if self._entries:  # it was not all of them, and each was counted as one item
            self._forget(sum(count_of(entry[0]) - 1 for entry in taken))
        return taken

    async def pop(self) -> Entry:
        """The oldest entry; waits for one."""
        entry = await super().pop()
        self._forget(count_of(entry[0]) - 1)
        return entry


class _BlockOutputs(StepWorker):
    """A worker whose outputs may be a block."""

    async def _hand_on_block(self, block: Block, receipt: Receipt) -> None:
        """Put a block into every outlet, in as few parts as it takes."""
        if not block.count or not self.outlets:
            receipt.settle()
            return
        self.items_out += block.count
        parts = [
            (outlet, part)
            for outlet in self.outlets
            for part in (
                outlet.parts_of(block) if isinstance(outlet, BlockChannel) else list(block)
            )
        ]
        receipt.fork(len(parts) - 1)
        for outlet, part in parts:
            if not outlet.offer(part, receipt):
                await outlet.put(part, receipt)


class BlockWorker(_BlockOutputs):
    """Processes one item or block after another, and hands its outputs on as a block.

    What the processor makes no block of is processed item by item, in the same order, so that each
    of them succeeds or fails by itself.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._make_block = cast("BlockProcessor", self.step.processor).to_block
        # Entering a span of nobody costs as much as the rest that is done for a block.
        self._to_block = (
            self._make_block if isinstance(self._tracer, NoTracer) else self._to_block_traced
        )
        self._has_failed = False

    async def run(self) -> None:
        since = 0
        while True:
            entries = await self.inlet.get(AT_ONCE)
            entries.reverse()  # to pop from the end: the memory of a block is free once it is done
            while entries:
                item, receipt, _ = entries.pop()
                if receipt is None:
                    self._hand_on_control(item)
                    if item is END:
                        return
                    continue
                await self._work_on(item, receipt)
                since += count_of(item)
                if since >= AT_ONCE:
                    since = 0
                    await asyncio.sleep(0)

    async def _work_on(self, item: Any, receipt: Receipt) -> None:
        block = self._block_of(item)
        if block is not None:
            self.items_in += count_of(item)
            await self._hand_on_block(block, receipt)
            return
        try:
            members = list(item) if isinstance(item, Block) else [item]
        except Exception as error:  # nobody can say which of its items is at fault
            await self.failures.settle(item, receipt, error)
            return
        if not members:
            receipt.settle()
            return
        receipt.fork(len(members) - 1)
        for member in members:
            outputs = await self._outputs(member, receipt)
            if outputs is not None:
                await self._hand_on(outputs, receipt)

    def _block_of(self, item: Any) -> Block | None:
        try:
            block = self._to_block(item)
        except Exception as error:
            # The items by themselves show whether one of them is at fault, and which.
            if not self._has_failed:
                self._has_failed = True
                log.warning("%s: no block could be made: %s", self.place, describe(error))
            return None
        return block if block is None or block.count <= self.step.max_outputs else None

    def _to_block_traced(self, item: Any) -> Block | None:
        with self._tracer.span("process", flow=self.flow, step=self.step.name):
            return self._make_block(item)


class OrderedBlockWorker(_BlockOutputs, OrderedWorker):
    """Processes several items or blocks at once, and hands on the outputs of each as a block.

    What the processor makes no block of is processed item by item, as in `BlockWorker`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._make_block = cast("AsyncBlockProcessor", self.step.processor).process_to_block
        self._has_failed = False

    async def _outputs(self, item: Any, receipt: Receipt) -> Sequence[Any] | None:
        block = await self._block_of(item)
        if block is not None:
            self.items_in += count_of(item)
            return (block,)
        if not isinstance(item, Block):
            return await super()._outputs(item, receipt)
        try:
            members = list(item)
        except Exception as error:  # nobody can say which of its items is at fault
            await self.failures.settle(item, receipt, error)
            return None
        outputs: list[Any] = []
        for member in members:
            receipt.fork(1)  # a part that settles with the member; the block's own is handed on
            made = await super()._outputs(member, receipt)
            if made is not None:
                receipt.settle()
                outputs += made
        return outputs

    async def _block_of(self, item: Any) -> Block | None:
        try:
            with self._tracer.span("process", flow=self.flow, step=self.step.name):
                block = await self._make_block(item)
        except Exception as error:
            # The items by themselves show which of them is at fault; most only have to be tried again.
            if is_retryable(error):
                with self.failures.log:
                    self.failures.met(error)
            elif not isinstance(error, EkspiperError) and not self._has_failed:
                self._has_failed = True
                log.warning("%s: no block could be made: %s", self.place, describe(error))
            return None
        return block if block is None or block.count <= self.step.max_outputs else None

    def _offer(self, outputs: Sequence[Any], receipt: Receipt) -> bool:
        return _block_in(outputs) is None and super()._offer(outputs, receipt)

    async def _hand_on(self, outputs: Sequence[Any], receipt: Receipt) -> None:
        block = _block_in(outputs)
        if block is None:
            await super()._hand_on(outputs, receipt)
        else:
            await self._hand_on_block(block, receipt)


def _block_in(outputs: Sequence[Any]) -> Block | None:
    """The block that stands for all outputs of an item, if one does."""
    return outputs[0] if len(outputs) == 1 and isinstance(outputs[0], Block) else None
