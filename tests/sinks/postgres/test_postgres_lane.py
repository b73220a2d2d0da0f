"""A lane: records that come beside the table's own writer, each stored once."""

from __future__ import annotations

from typing import Any

import pytest

from ekspiper.core import ConfigError, Retryable
from ekspiper.sinks.postgres import Postgres, read_records


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [{"hash": f"{number:04}"} for number in range(first, last)]


def numbers(first: int, last: int) -> list[str]:
    return [f"{number:04}" for number in range(first, last)]


def writer(database: Any, lane: str | None = None, **options: Any) -> Postgres:
    given = {"table": "records", "key": ["hash"], "lane": lane, "lock_timeout": 0.1, **options}
    return Postgres(database.dsn, **given)


def stored(database: Any) -> list[str]:
    return [record["hash"] for record in read_records(database.dsn, "records")]


async def keep(collector: Postgres, records: list[Any], position: int) -> Any:
    await collector.collect(records)
    return await collector.snapshot(position)


async def test_two_write_one_table_and_nothing_is_there_twice(database: Any) -> None:
    async with writer(database) as own, writer(database, "backfill") as lane:
        await own.restore(None)
        await lane.restore(None)
        await keep(own, rows(10, 20), 20)
        await keep(lane, rows(0, 12), 12)  # two of them are there
        await keep(own, rows(8, 22), 22)  # two of them are there by now
    assert stored(database) == [f"{number:04}" for number in [*range(10), *range(10, 22)]]


async def test_each_continues_from_its_own_position(database: Any) -> None:
    async with writer(database) as own, writer(database, "backfill") as lane:
        await own.restore(None)
        await lane.restore(None)
        await keep(own, rows(10, 20), 20)
        state = await keep(lane, rows(0, 5), 5)
    async with writer(database) as own, writer(database, "backfill") as lane:
        assert await own.restore(None) == 20
        assert await lane.restore(state) == 5
        await keep(lane, rows(5, 7), 7)
    async with writer(database, "another") as lane:
        assert await lane.restore(None) is None


async def test_a_crash_of_the_one_takes_nothing_of_the_other(database: Any) -> None:
    own, lane = writer(database, buffer_bytes=0), writer(database, "backfill", buffer_bytes=0)
    await own.open()
    await lane.open()
    await own.restore(None)
    await lane.restore(None)
    state_of_own = await keep(own, rows(10, 16), 16)
    state_of_lane = await keep(lane, rows(0, 2), 2)
    for collector, first in ((own, 16), (lane, 2)):  # committed early, without a snapshot
        await collector.collect(rows(first, first + 1))
        await collector.collect(rows(first + 1, first + 2))
        await collector.close()
    async with writer(database) as own, writer(database, "backfill") as lane:
        assert await own.restore(state_of_own) == 16
        assert await lane.restore(state_of_lane) == 2
        assert [hash for hash in stored(database) if hash >= "0010"] == numbers(10, 16)
        await keep(lane, rows(2, 5), 5)
        await keep(own, rows(16, 18), 18)
    assert stored(database) == numbers(0, 5) + numbers(10, 18)


async def test_a_lane_has_one_writer(database: Any) -> None:
    async with writer(database, "backfill"):
        with pytest.raises(
            (Retryable, ConfigError), match=r"records \(lane backfill\) is being written"
        ):
            await writer(database, "backfill").open()


async def test_a_lane_needs_a_key_and_the_same_source(database: Any) -> None:
    with pytest.raises(ConfigError, match="lane 'backfill' needs a key"):
        writer(database, "backfill", key=None)
    async with writer(database, source="mainnet") as own:
        await own.restore(None)
    with pytest.raises(ConfigError, match="holds records of 'mainnet', not of 'testnet'"):
        await writer(database, "backfill", source="testnet").open()
