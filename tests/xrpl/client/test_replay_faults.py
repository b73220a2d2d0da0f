"""Three replay nodes with faults at random: every ledger arrives, in order, once and proven.

`hatch run dev:soak` does the same at full length, through whole pipelines and into files.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.sources import LedgerRange, LedgerStream

FAULTS = (
    ("disconnect", 0.01, ""),
    ("hang", 0.003, ""),
    ("noAnswer", 0.01, ""),
    ("slow", 0.01, "=0.3"),
    ("garbage", 0.01, ""),
    ("hugeFrame", 0.004, ""),
    ("slowDown", 0.02, ""),
    ("tooBusy", 0.01, "=0.3"),
    ("loadWarning", 0.02, ""),
    ("close1008", 0.01, ""),
    ("down", 0.002, "=0.5"),
    ("unvalidated", 0.02, ""),
    ("otherLedger", 0.01, ""),
    ("lgrNotFound", 0.03, ""),
    ("truncated", 0.01, ""),
    ("forgedTransaction", 0.01, ""),
    ("forgedMeta", 0.01, ""),
    ("forgedHeader", 0.01, ""),
    ("wrongParent", 0.01, ""),
    ("silent", 0.01, ""),
    ("skipped", 0.03, ""),
    ("duplicate", 0.03, ""),
    ("outOfOrder", 0.03, ""),
)


def plan(often: float, seed: int) -> str:
    """Every fault, `often` times as likely as usual."""
    items = (f"{kind}:{chance * often:.4f}*0{amount}" for kind, chance, amount in FAULTS)
    return ",".join((*items, f"seed={seed}"))


async def follow(
    recording: Recording, fetch_in_order: Any, *, seed: int, often: float = 1.0
) -> None:
    async with AsyncExitStack() as stack:
        urls = []
        for number in range(3):
            faults = plan(often, 3 * seed + number)
            node = ReplayNode(recording, close_every=0, faults=faults)
            urls.append((await stack.enter_async_context(node)).url)
        pool = await stack.enter_async_context(
            NodePool(urls, request_timeout=0.6, liveness=1.0, hedge_after=0.2)
        )
        first, last = recording.indexes[0], recording.indexes[-1]
        source = LedgerStream(pool, start=first, until=last)
        got = await fetch_in_order(pool, source, concurrency=16)
    assert [ledger.ledger_index for ledger in got] == list(recording.indexes)
    for ledger in got:
        assert ledger.ledger_hash == recording.ledgers[ledger.ledger_index].hash


async def test_sample(sample: Recording, fetch_in_order: Any) -> None:
    await follow(sample, fetch_in_order, seed=1)


@pytest.mark.parametrize("bad_first", [True, False])
async def test_a_node_that_contradicts_itself_is_left_though_only_one_other_speaks(
    sample: Recording, fetch_in_order: Any, bad_first: bool
) -> None:
    """Each of its ledgers has another parent, and a hash that fits that; it says so always."""
    async with (
        ReplayNode(sample) as good,
        ReplayNode(sample, faults="wrongParent") as bad,
        NodePool([bad.url, good.url] if bad_first else [good.url, bad.url]) as pool,
    ):
        source = LedgerRange(pool, "438:477")
        ledgers = await fetch_in_order(pool, aiter(source))
        states = {node.url: node.state for node in pool.nodes()}
    assert [ledger.ledger_index for ledger in ledgers] == list(range(438, 478))
    assert all(sample.ledgers[each.ledger_index].hash == each.ledger_hash for each in ledgers)
    assert states[bad.url] == "ejected"
    assert states[good.url] == "ready"
