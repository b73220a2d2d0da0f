"""What every processor must do, as tests that a test class inherits."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Any

import pytest

from ..errors import is_retryable
from ..processor import Processor, all_of
from ._contracts import leave_out, needs

__all__ = ["ProcessorContract"]


class ProcessorContract:
    """Inherit it in a test class, and say how the processor is made and what it is given.

    Needs pytest with pytest-asyncio in auto mode.
    """

    mutates_nothing = True
    """Other steps get the same items: a processor that changes one breaks them."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        leave_out(
            cls,
            {
                "a bad item": cls.bad_item is not ProcessorContract.bad_item,
                "shared items": cls.mutates_nothing,
            },
        )

    async def make(self) -> Processor[Any, Any]:
        """A new processor, not open."""
        raise NotImplementedError

    def items(self) -> Sequence[Any]:
        """A few items that it can process, at least two."""
        raise NotImplementedError

    def bad_item(self) -> Any:
        """An item that it can never process; without one its test is left out."""
        raise NotImplementedError

    async def outputs(self, processor: Processor[Any, Any], item: Any) -> list[Any]:
        """All outputs for one item, as the runner reads them."""
        return await all_of(await processor.process(item), 100_000)

    async def test_closes_twice(self) -> None:
        processor = await self.make()
        await processor.open()
        await processor.close()
        await processor.close()

    async def test_closes_without_having_been_opened(self) -> None:
        processor = await self.make()
        await processor.close()

    async def test_gives_an_iterable_of_outputs(self) -> None:
        async with await self.make() as processor:
            for item in self.items():
                assert isinstance(await self.outputs(processor, item), list)

    async def test_gives_the_same_for_the_same_item(self) -> None:
        async with await self.make() as processor:
            for item in self.items():
                first = await self.outputs(processor, item)
                assert await self.outputs(processor, item) == first

    @needs("shared items")
    async def test_changes_no_item(self) -> None:
        async with await self.make() as processor:
            for item in self.items():
                before = copy.deepcopy(item)
                await self.outputs(processor, item)
                assert item == before

    async def test_works_on_several_items_at_once(self) -> None:
        async with await self.make() as processor:
            alone = [await self.outputs(processor, item) for item in self.items()]
            together = await asyncio.gather(
                *(self.outputs(processor, item) for item in self.items())
            )
            assert list(together) == alone

    @needs("a bad item")
    async def test_a_bad_item_fails_for_good_and_harms_no_other(self) -> None:
        bad, good = self.bad_item(), self.items()[0]
        async with await self.make() as processor:
            before = await self.outputs(processor, good)
            with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is, it is permanent
                await self.outputs(processor, bad)
            assert not is_retryable(caught.value)
            assert str(caught.value), "an error says what is wrong"
            assert await self.outputs(processor, good) == before

    async def test_goes_on_after_being_cancelled(self) -> None:
        item = self.items()[0]
        async with await self.make() as processor:
            expected = await self.outputs(processor, item)
            task = asyncio.ensure_future(self.outputs(processor, item))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert await self.outputs(processor, item) == expected
