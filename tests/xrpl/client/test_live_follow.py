"""Following several nodes at once: one forks, one lags, one has a gap, and all lose connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ekspiper.core import Collector, Pipeline
from ekspiper.core.testing import RecordingCollector
from ekspiper.sinks.metric import Metric
from ekspiper.sinks.prometheus import PrometheusInstruments
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import RIPPLE_EPOCH, LedgerHeader
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerStream

Results = dict[int, dict[str, Any]]


def forked(ledgers: Results, since: int) -> Results:
    """The same ledgers, and from `since` on others that hash well and follow one another."""
    made = dict(ledgers)
    parent: bytes | None = None
    for index in sorted(i for i in ledgers if i >= since):
        result = made[index] = deepcopy(ledgers[index])
        data = bytearray.fromhex(result["ledger"]["ledger_data"])
        data[12:44] = parent if parent else bytes(reversed(data[12:44]))
        result["ledger"]["ledger_data"] = data.hex().upper()
        parent = LedgerHeader.from_bytes(bytes(data)).ledger_hash
        result["ledger_hash"] = parent.hex().upper()
    return made


def follow(
    pool: NodePool, first: int, last: int, **collectors: list[Collector[Any]]
) -> tuple[LedgerStream, Pipeline]:
    stream = LedgerStream(pool, start=first, until=last)
    return stream, ledger_pipeline(
        stream, fetch_ledger=FetchLedger(pool), pool=pool, collectors=collectors, books=False
    )


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not is_so():  # noqa: ASYNC110  (what is waited for is in three nodes and a pool)
            await asyncio.sleep(0.01)


async def test_every_ledger_comes_whatever_one_node_does(
    node: Any, ledgers: Results, said: Any
) -> None:
    first, last = min(ledgers), max(ledgers)
    with_gap = await node(closed=first)
    with_gap.holds = f"{first}-{first + 9},{first + 20}-{last}"
    with_gap.ledgers = {i: r for i, r in ledgers.items() if not first + 9 < i < first + 20}
    whole, lagging = await node(closed=first), await node(closed=first)
    fork = await node(ledgers=forked(ledgers, first + 5), closed=first)
    nodes = [fork, with_gap, whole, lagging]
    kept: RecordingCollector[Any] = RecordingCollector()
    async with NodePool([one.url for one in nodes], hedge_after=5.0, liveness=2.0) as pool:
        _, pipeline = follow(pool, first, last, ledgers=[kept])
        running = asyncio.create_task(pipeline.run())
        await asyncio.gather(*(one.until_asked("subscribe") for one in nodes))
        for index in range(first + 1, first + 16):
            for one in (fork, whole, with_gap):
                if index in one.ledgers:
                    await one.close_ledger(index)
            await until(lambda index=index: len(kept.items) >= index - first)
        # Nobody hears of the next ones; the gap ends with whatever is told first after it.
        for one in (whole, with_gap):
            await one.stop()
            one.closed = last
        fork.closed = last
        await asyncio.gather(whole.start(), with_gap.start())
        await asyncio.wait_for(running, 15)
        states = {status.url: status.state for status in pool.nodes()}
    hashes = [record["ledger_hash"] for record in kept.items]
    assert hashes == [ledgers[index]["ledger_hash"] for index in sorted(ledgers)]
    assert states[fork.url] == "ejected"
    assert any(text.startswith(f"{fork.url} lied: ") for text in said())
    asked = {r["ledger_index"] for r in lagging.asked("ledger")}
    assert not asked or max(asked) <= first
    assert {r["ledger_index"] for r in whole.asked("ledger")} >= set(range(first + 10, first + 20))


async def test_age_of_what_is_read_and_of_what_is_kept_is_measured(
    node: Any, ledgers: Results
) -> None:
    first, last = min(ledgers), min(ledgers) + 5
    only = await node(closed=last)
    registry = CollectorRegistry()
    async with NodePool(only.url) as pool:
        stream, pipeline = follow(pool, first, last, ledgers=[Metric("ledgers", registry=registry)])
        assert stream.lag is None
        await pipeline.run(instruments=PrometheusInstruments(registry))
    header = bytes.fromhex(ledgers[last]["ledger"]["ledger_data"])
    closed = LedgerHeader.from_bytes(header).close_time + RIPPLE_EPOCH
    age = time.time() - closed
    read = registry.get_sample_value("ekspiper_source_lag_seconds", {"flow": "ledger-details"})
    kept = registry.get_sample_value("xrpl_ledger_close_lag_seconds")
    assert read == pytest.approx(age, abs=5)
    assert kept == pytest.approx(age, abs=5)
    assert registry.get_sample_value("xrpl_ledger_index") == last
