"""An explorer's life: connected when it is used, gone without a trace when it is not."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl import Explorer
from ekspiper.xrpl.client import NodePool, NodeUnreachable
from ekspiper.xrpl.explorer import ExplorerClosed, OutOfHistory
from ekspiper.xrpl.explorer._reading.ledger_reader import LedgerReader
from ekspiper.xrpl.networks import UnknownNetwork
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.replay import ReplayNode


def sockets() -> int:
    """Open sockets of this process, apart from those of the event loop itself."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            count += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


def other_tasks() -> set[str]:
    return {each.get_name() for each in asyncio.all_tasks() if each is not asyncio.current_task()}


def test_a_wrong_network_says_which_there_are() -> None:
    with pytest.raises(UnknownNetwork, match="no network is called 'manet'; known: mainnet"):
        Explorer("manet")


def test_a_list_of_urls_is_a_network() -> None:
    assert Explorer(["ws://127.0.0.1:1", "ws://127.0.0.1:2"]).network.urls == (
        "ws://127.0.0.1:1",
        "ws://127.0.0.1:2",
    )


@pytest.mark.parametrize("wrong", [3, None, ["ws://127.0.0.1:1", 2]])
def test_what_is_no_text_is_no_network(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="a network is a name or the URLs of nodes, as text"):
        Explorer(wrong)


def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="connect_timeout must be more than 0, not 0"):
        Explorer(connect_timeout=0)


async def test_a_node_that_does_not_answer_is_named() -> None:
    async with Explorer("ws://127.0.0.1:1", connect_timeout=0.3, cache=False) as xrpl:
        with pytest.raises(NodeUnreachable, match=r"no node answered within 0.3 s: ws://127.0.0.1"):
            await xrpl.ledgers()


async def test_a_closed_explorer_says_how_to_make_a_new_one(xrpl: Explorer) -> None:
    await xrpl.ledger(540)
    await xrpl.close()
    await xrpl.close()

    for call in (xrpl.ledger(540), xrpl.transactions(), xrpl.books()):
        with pytest.raises(ExplorerClosed, match=r"make a new one with Explorer\('sample'\)"):
            await call
    with pytest.raises(ExplorerClosed):
        xrpl.follow()
    with pytest.raises(ExplorerClosed):
        xrpl.source()


async def test_closing_leaves_no_task_and_no_socket(explorer_cache: Path) -> None:
    before = sockets()
    async with Explorer("sample", cache=explorer_cache, progress=False) as xrpl:
        await xrpl.transactions("-5:")
        assert sockets() > before
    await asyncio.sleep(0)

    assert other_tasks() == set()
    assert sockets() == before


async def test_an_interrupted_call_leaves_no_task_and_no_socket() -> None:
    before = sockets()
    xrpl = Explorer("sample", cache=False, progress=False)
    started = asyncio.Event()

    async def long() -> None:
        async with xrpl._session.call() as reader:
            async for _ in reader.read(421, 540):
                started.set()
                await asyncio.sleep(0)

    task = asyncio.create_task(long())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    assert other_tasks() == set()
    assert sockets() == before
    # And it can be used again.
    assert len(await xrpl.ledgers("538:540")) == 3
    await xrpl.close()


async def test_a_call_beside_an_interrupted_one_goes_on(xrpl: Explorer) -> None:
    going = asyncio.create_task(xrpl.ledgers("421:540"))
    other = asyncio.create_task(xrpl.transactions("421:540"))
    await xrpl.ledger(540)
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other

    assert len(await going) == 120


async def test_leaving_a_live_stream_leaves_nothing_behind(explorer_cache: Path) -> None:
    before = sockets()
    async with Explorer("sample", cache=explorer_cache) as xrpl:
        async for ledger in xrpl.follow(pace=0):
            if ledger.ledger_index == 424:
                break
        gc.collect()
        await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
    assert sockets() == before


async def test_a_forgotten_explorer_disconnects(explorer_cache: Path) -> None:
    before = sockets()
    xrpl = Explorer("sample", cache=explorer_cache, progress=False)
    await xrpl.ledger()
    xrpl = Explorer("sample", cache=explorer_cache, progress=False)
    gc.collect()
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    assert sockets() == before


def test_two_event_loops_one_after_the_other(explorer_cache: Path) -> None:
    before = sockets()
    xrpl = Explorer("sample", cache=explorer_cache, progress=False)

    async def newest() -> int:
        return (await xrpl.ledger()).ledger_index

    assert asyncio.run(newest()) == asyncio.run(newest()) == 540
    gc.collect()
    assert sockets() == before


async def test_two_explorers_at_once_share_a_cache(tmp_path: Path) -> None:
    async with (
        Explorer("sample", cache=tmp_path, progress=False) as one,
        Explorer("sample", cache=tmp_path, progress=False) as other,
    ):
        both = await asyncio.gather(one.ledgers("421:540"), other.ledgers("421:540"))
    assert both[0].equals(both[1])
    left = await asyncio.to_thread(lambda: list(tmp_path.rglob("*.part")))
    assert left == []


async def test_calls_at_once_share_one_connection(sample_node: ReplayNode) -> None:
    async with Explorer(sample_node.url, cache=False, progress=False) as xrpl:
        await asyncio.gather(xrpl.ledger(538), xrpl.ledger(539), xrpl.ledgers("-5:"))
        assert len(sample_node._sessions) == 1


async def test_a_ledger_by_the_time_it_was_valid(xrpl: Explorer) -> None:
    assert (await xrpl.ledger("2026-11-26 12:53:00")).ledger_index == 475
    assert (await xrpl.ledger("2026-11-26 12:53:00.5")).ledger_index == 475
    assert (await xrpl.ledger("538")).ledger_index == 538
    by_hash = await xrpl.ledger((await xrpl.ledger(538)).ledger_hash.lower())
    assert by_hash.ledger_index == 538
    frame = await xrpl.ledgers("2026-11-26 12:53/2026-11-26 12:53:30")
    assert frame["ledger_index"].tolist() == list(range(475, 484))


async def test_a_hash_that_no_node_knows_is_one_sentence(sample_node: ReplayNode) -> None:
    async with NodePool(sample_node.url, ledger_timeout=0.1) as pool:
        reader = LedgerReader(pool, FetchLedger(pool), cache=None, concurrency=1, progress=False)
        with pytest.raises(OutOfHistory, match=r"no ledger with the hash 0+: .*lgrNotFound; give"):
            await reader.named("0" * 64)


async def test_history_has_an_end_and_a_beginning(xrpl: Explorer) -> None:
    with pytest.raises(
        OutOfHistory,
        match=r"ledger 5: the history of the nodes begins with 421; .* hold 421 to 540",
    ):
        await xrpl.ledger(5)
    with pytest.raises(OutOfHistory, match="have not closed yet"):
        await xrpl.transactions("538:640")
