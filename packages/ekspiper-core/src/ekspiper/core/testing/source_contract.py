"""What every source must do, as tests that a test class inherits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ..source import Position, Source
from ._contracts import leave_out, needs

__all__ = ["SourceContract"]


class SourceContract:
    """Inherit it in a test class, and say how the source is made.

    ::

        class TestMySource(SourceContract):
            async def make(self):
                return MySource(self.path)

    Needs pytest, and pytest-asyncio in auto mode. Each call of `make` stands for a restart of the
    program: a new object that reads the same thing.
    """

    enough = 5
    """A test reads at most this many items; the source must have at least three."""

    ends = True
    """Whether the source comes to an end."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        leave_out(cls, {"an end": cls.ends})

    async def make(self) -> Source[Any]:
        """A new source, not open, which gives the same items each time."""
        raise NotImplementedError

    def key(self, item: Any) -> Any:
        """What two readings of one item have in common, if items do not compare equal."""
        return item

    async def read(
        self, *, after: Position = None, count: int | None = None
    ) -> list[tuple[Position, Any]]:
        """The first items with their positions, as a run reads them."""
        wanted = self.enough if count is None else count
        got: list[tuple[Position, Any]] = []
        source = await self.make()
        async with source:
            if after is not None:
                await source.resume(after)
            items = aiter(source)
            while len(got) < wanted:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    break
                got.append((source.position, self.key(item)))
            if hasattr(items, "aclose"):
                await items.aclose()
        return got

    async def test_closes_twice(self) -> None:
        source = await self.make()
        await source.open()
        await source.close()
        await source.close()

    async def test_closes_without_having_been_opened(self) -> None:
        source = await self.make()
        await source.close()

    async def test_gives_items_with_positions(self) -> None:
        got = await self.read()
        assert len(got) >= 3, "the contract needs a source of at least three items"
        assert all(position is not None for position, _ in got)

    async def test_positions_are_json_and_different(self) -> None:
        positions = [position for position, _ in await self.read()]
        texts = [json.dumps(position, sort_keys=True) for position in positions]
        assert [json.loads(text) for text in texts] == positions, "not the same after JSON"
        assert len(set(texts)) == len(texts), "two items at one position"

    async def test_gives_the_same_again(self) -> None:
        assert await self.read() == await self.read()

    @pytest.mark.parametrize("place", [0, 1])
    async def test_resumes_right_after_a_position(self, place: int) -> None:
        got = await self.read()
        position = json.loads(json.dumps(got[place][0]))
        after = await self.read(after=position, count=len(got) - place - 1)
        assert after == got[place + 1 :]

    async def test_begins_where_it_says(self) -> None:
        async with await self.make() as source:
            position = json.loads(json.dumps(await source.begin()))
            items = aiter(source)
            first = self.key(await anext(items))
            if hasattr(items, "aclose"):
                await items.aclose()
        if position is not None:
            assert [item for _, item in await self.read(after=position, count=1)] == [first]

    @needs("an end")
    async def test_resumes_at_its_end(self) -> None:
        got = await self.read(count=10_000)
        assert await self.read(after=got[-1][0]) == []

    async def test_identity_is_text_and_stays(self) -> None:
        texts = []
        for _ in range(2):
            async with await self.make() as source:
                texts.append(source.identity)
        assert texts[0] == texts[1]
        assert isinstance(texts[0], str)
        assert texts[0], "the identity is empty"

    async def test_lag_is_seconds_or_none(self) -> None:
        async with await self.make() as source:
            assert source.lag is None or source.lag >= 0

    async def test_times_are_seconds_or_none(self) -> None:
        async with await self.make() as source:
            items = aiter(source)
            await anext(items)
            time = getattr(source, "time", None)
            assert time is None or (isinstance(time, int | float) and time > 0)
            if hasattr(items, "aclose"):
                await items.aclose()

    async def test_can_be_cancelled_while_reading(self) -> None:
        source = await self.make()
        async with source:
            items = aiter(source)
            task = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=10)
            assert task.done(), "it ignores being cancelled"
            if not task.cancelled():
                task.exception()
            if hasattr(items, "aclose"):
                await items.aclose()
