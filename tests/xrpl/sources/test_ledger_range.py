from __future__ import annotations

from typing import Any

import pytest

from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.ranges import BadRange
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.sources import LedgerRange


class NoPool:
    """Enough for ranges that need no node."""

    network_id = 0

    def closed_ledger(self, index: int) -> None:
        return None


async def indexes(source: LedgerRange) -> list[int]:
    return [ref.ledger_index async for ref in source]


async def make(*args: Any, pool: Any = None, **options: Any) -> LedgerRange:
    source = LedgerRange(pool or NoPool(), *args, **options)
    await source.open()
    return source


async def test_ranges_are_united_and_in_order() -> None:
    source = await make(["20:22", (3, 5), "4:+3"])
    assert str(source.ledgers) == "3-6,20-22"
    assert await indexes(source) == [3, 4, 5, 6, 20, 21, 22]
    assert source.position == 22


async def test_one_pair_of_first_and_last() -> None:
    assert await indexes(await make((3, 5))) == [3, 4, 5]


async def test_backwards() -> None:
    source = await make(["20:22", "3:5"], backwards=True)
    assert await indexes(source) == [22, 21, 20, 5, 4, 3]


@pytest.mark.parametrize(("backwards", "left"), [(False, [5, 20, 21]), (True, [3])])
async def test_resumes_after_its_position(backwards: bool, left: list[int]) -> None:
    source = await make(["3:5", "20:21"], backwards=backwards)
    await source.resume(4)
    assert await indexes(source) == left


async def test_skips_what_is_there() -> None:
    source = await make("1:10", skip=LedgerSet.parse("2-4,9"))
    assert len(source.ledgers) == 6
    assert await indexes(source) == [1, 5, 6, 7, 8, 10]


async def test_relative_to_the_newest(sample: Recording) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        assert await indexes(await make("-3:", pool=pool)) == [538, 539, 540]
        assert await indexes(await make("539:", pool=pool)) == [539, 540]
        with pytest.raises(BadRange, match="begins after the newest ledger, 540"):
            await make("541:", pool=pool)


async def test_identity_names_network_ranges_and_direction() -> None:
    source = await make(["3:5", "9:9"], backwards=True)
    assert source.identity == "xrpl network 0, ledgers 3:5,9:9 backwards"


def test_no_range() -> None:
    pool: Any = NoPool()
    with pytest.raises(Exception, match="at least one range"):
        LedgerRange(pool, [])
