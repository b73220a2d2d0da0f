from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import Answer, NodePool, RequestError
from ekspiper.xrpl.codec import Definitions, StateTreeFold, join_subtrees
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.sources import BadPage, LedgerObjects, ObjectPage

LEDGER = 540


async def root_of(source: LedgerObjects, pages: list[ObjectPage]) -> bytes:
    folds = {prefix: StateTreeFold(prefix) for prefix in source.prefixes}
    for page in pages:
        for index, data in page.objects:
            folds[page.prefix].add(bytes.fromhex(index), bytes.fromhex(data))
    if source.prefixes == ("",):
        return folds[""].root()
    return join_subtrees([fold.subtree() for fold in folds.values()])


@pytest.mark.parametrize(("parallel", "shards"), [(1, 1), (4, 16)])
async def test_whole_state_has_the_root_of_its_ledger(
    sample: Recording, parallel: int, shards: int
) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        source = LedgerObjects(pool, parallel=parallel)
        pages = [page async for page in source]
    assert source.ledger_index == LEDGER
    assert len(source.prefixes) == shards
    assert sum(len(page.objects) for page in pages) == 3200
    assert await root_of(source, pages) == sample.ledgers[LEDGER].header.account_hash
    assert set(source.position["shards"].values()) == {"done"}
    assert all(page.size > 0 for page in pages if page.objects)


@pytest.mark.parametrize("parallel", [1, 4])
async def test_clio_serves_the_whole_state_too(sample: Recording, parallel: int) -> None:
    async with ReplayNode(sample, clio=True) as node, NodePool(node.url) as pool:
        source = LedgerObjects(pool, LEDGER, parallel=parallel)
        pages = [page async for page in source]
    assert await root_of(source, pages) == sample.ledgers[LEDGER].header.account_hash


async def test_types_are_picked_by_name(sample: Recording) -> None:
    async with ReplayNode(sample) as node, NodePool(node.url) as pool:
        source = LedgerObjects(pool, LEDGER, types=["Offer", "AMM"], parallel=2)
        codes = {data[:6] async for page in source for _, data in page.wanted()}
    assert codes == {"11006F", "110079"}


def test_unknown_type() -> None:
    pool: Any = FakeState(1).pool()
    with pytest.raises(ConfigError, match=r"type is called 'offer'; known: AMM, AccountRoot"):
        LedgerObjects(pool, types=["offer"])


@pytest.mark.parametrize("parallel", [1, 4])
async def test_resumes_each_shard_after_its_last_key(parallel: int) -> None:
    state = FakeState(5000)
    first = LedgerObjects(state.pool(), LEDGER, parallel=parallel)
    seen: list[str] = []
    async for page in first:
        seen += [index for index, _ in page.objects]
        if len(seen) > 2000:
            break
    # The position belongs to what was yielded, whatever was read ahead.
    second = LedgerObjects(state.pool(), LEDGER + 5, parallel=9)
    await second.resume(first.position)
    seen += [index async for page in second for index, _ in page.objects]
    assert second.ledger_index == LEDGER
    assert len(seen) == 5000
    assert sorted(seen) == state.keys


@pytest.mark.parametrize("parallel", [1, 4, 20])
async def test_clio_takes_only_real_keys(parallel: int) -> None:
    state = FakeState(5000, kind="clio")
    source = LedgerObjects(state.pool(), LEDGER, parallel=parallel)
    pages = [page async for page in source]
    assert sorted(i for page in pages for i, _ in page.objects) == state.keys
    folded: dict[str, str] = {}
    for page in pages:
        for index, _ in page.objects:
            assert index > folded.get(page.prefix, "")
            folded[page.prefix] = index


async def test_expired_marker_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ekspiper.xrpl.sources.ledger_objects._PAUSE", 0.0)
    state = FakeState(5000, refuse=7)
    source = LedgerObjects(state.pool(), LEDGER, parallel=1)
    assert len([i async for page in source for i, _ in page.objects]) == 5000
    assert state.refused == 7


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"validated": False}, "not validated"),
        ({"ledger_index": 7}, "it is of ledger 7"),
        ({"state": None}, "it has no state"),
        ({"state": [{"index": "00", "data": ""}, {"index": "00", "data": ""}]}, "do not rise"),
        ({"state": [], "marker": "AA"}, "it is empty"),
    ],
)
async def test_unusable_page(
    spoil: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ekspiper.xrpl.sources.ledger_objects._PAUSE", 0.0)
    source = LedgerObjects(FakeState(10, spoil=spoil).pool(), LEDGER, parallel=1)
    with pytest.raises(BadPage, match=says):
        await anext(aiter(source))


class FakeState:
    """A node's `ledger_data` over a made-up state, with Clio's rules for markers if asked."""

    network_id = 0
    definitions = Definitions.bundled()

    def __init__(
        self,
        count: int,
        *,
        kind: str = "rippled",
        refuse: int = 0,
        spoil: dict[str, Any] | None = None,
    ) -> None:
        step = (1 << 256) // count
        self.keys = [f"{number * step + 1:064X}" for number in range(count)]
        self.kind = kind
        self.refuse = refuse
        self.refused = 0
        self.spoil = spoil or {}

    def pool(self) -> Any:
        return self

    def nodes(self) -> list[Any]:
        class Status:
            kind = self.kind

        return [Status()]

    async def request(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["command"] == "ledger"
        changed = [{"ModifiedNode": {"LedgerIndex": key}} for key in self.keys[::50]]
        gone = [{"DeletedNode": {"LedgerIndex": f"{5:064X}"}}]
        return {"ledger": {"transactions": [{"meta": {"AffectedNodes": changed + gone}}]}}

    async def ask(self, request: dict[str, Any], *, avoid: Collection[str]) -> Answer:
        marker = request.get("marker")
        refused = marker is not None and self.kind == "clio" and marker not in self.keys
        if refused or (marker is not None and self.refused < self.refuse):
            self.refused += 1
            raise RequestError("markerDoesNotExist", "", request, node="fake")
        start = bisect_right(self.keys, marker) if marker else 0
        page = self.keys[start : start + request["limit"]]
        result: dict[str, Any] = {
            "ledger_index": LEDGER,
            "ledger_hash": "AB" * 32,
            "validated": True,
            "state": [{"index": key, "data": "11006F00"} for key in page],
        }
        if page and page[-1] != self.keys[-1]:
            result["marker"] = page[-1]
        result.update(self.spoil)
        return Answer(result, {}, "fake")
