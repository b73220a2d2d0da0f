"""Ledgers of the past: chains of headers and skip lists."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from ekspiper.xrpl.codec import state_root
from ekspiper.xrpl.trust import (
    HeaderChain,
    Malformed,
    NotProven,
    SkipList,
    StatePruner,
    read_header,
    read_tree_leaves,
    root_hash,
)

from .small_ledger import SmallLedger, skip_list
from .small_network import SmallNetwork


def headers(network: SmallNetwork, count: int) -> list[tuple[bytes, bytes]]:
    """Bytes and hash of so many headers, oldest first."""
    made: list[tuple[bytes, bytes]] = []
    parent = bytes(32)
    for number in range(count):
        header = network.header(100 + number, parent=parent)
        parent = header.ledger_hash
        made.append((header.to_bytes(), parent))
    return made


def test_a_chain_proves_each_header_by_the_one_after_it(network: SmallNetwork) -> None:
    made = headers(network, 50)
    chain = HeaderChain(149, made[-1][1])
    assert [chain.add(data) for data, _ in reversed(made)] == [hash for _, hash in reversed(made)]
    assert chain.next_index == 99


def test_one_wrong_link_ends_a_chain(network: SmallNetwork) -> None:
    made = headers(network, 50)
    chain = HeaderChain(149, made[-1][1])
    chain.add(made[-1][0])
    changed = bytearray(made[-2][0])
    changed[20] ^= 1
    with pytest.raises(NotProven, match="the header of ledger 148 hashes to"):
        chain.add(bytes(changed))
    with pytest.raises(NotProven, match="ledger 148"):
        chain.add(made[-3][0])
    chain.add(made[-2][0])


def test_a_header_has_118_bytes(network: SmallNetwork) -> None:
    with pytest.raises(Malformed, match="118"):
        HeaderChain(1, bytes(32)).add(b"")


class TestSkipList:
    def test_the_short_list(self) -> None:
        data = skip_list(1000, [bytes((number,)) * 32 for number in range(256)])
        held = SkipList.from_object(SkipList.short_index(), data)
        assert held is not None
        assert (held.first, held.step) == (745, 1)
        assert held.hash_of(1000) == b"\xff" * 32
        assert held.hash_of(745) == bytes(32)
        assert held.hash_of(744) is held.hash_of(1001) is None

    def test_a_long_list(self) -> None:
        data = skip_list(512, [b"\1" * 32, b"\2" * 32])
        held = SkipList.from_object(SkipList.long_index(512), data)
        assert held is not None
        assert held.items() == [(256, b"\1" * 32), (512, b"\2" * 32)]
        assert held.hash_of(300) is None

    def test_an_object_of_another_type_is_not_a_list(self) -> None:
        assert SkipList.from_object(bytes(32), b"\x11\x00\x61" + bytes(50)) is None

    @pytest.mark.parametrize(("index", "last"), [(bytes(32), 512), (SkipList.long_index(512), 513)])
    def test_a_list_in_another_place_is_refused(self, index: bytes, last: int) -> None:
        with pytest.raises(Malformed, match="does not belong there"):
            SkipList.from_object(index, skip_list(last, [bytes(32)]))

    def test_a_list_that_begins_before_the_first_ledger_is_refused(self) -> None:
        with pytest.raises(Malformed, match="before the first"):
            SkipList.from_object(SkipList.short_index(), skip_list(1, [bytes(32)] * 3))

    def test_lists_of_the_recorded_network(self, shared_data: Path) -> None:
        hashes = {}
        with gzip.open(shared_data / "network" / "ledger_v2_binary.jsonl.gz") as lines:
            for line in lines:
                result = orjson.loads(line)["response"]["result"]
                hashes[result["ledger_index"]] = bytes.fromhex(result["ledger_hash"])
        found = []
        with gzip.open(shared_data / "network" / "ledger_data_v2_binary_540.jsonl.gz") as lines:
            for line in lines:
                for row in orjson.loads(line)["response"]["result"]["state"]:
                    held = SkipList.from_object(
                        bytes.fromhex(row["index"]), bytes.fromhex(row["data"])
                    )
                    if held is not None:
                        found.append(held)
        assert sorted(each.step for each in found) == [1, 256]
        for each in found:
            assert all(hashes[index] == hash for index, hash in each.items())


class TestStatePruner:
    def test_it_has_the_root_of_the_whole_state(self) -> None:
        ledger = SmallLedger(1000, objects={SkipList.short_index(): skip_list(999, [bytes(32)])})
        lists = [SkipList.short_index(), SkipList.long_index(0), SkipList.long_index(70_000)]
        for wanted in ([], lists, sorted(ledger.objects)[:7], sorted(ledger.objects)):
            for digits in (1, 2, 3):
                pruner = StatePruner(wanted, digits=digits)
                for index, data in sorted(ledger.objects.items()):
                    pruner.add(index, data)
                tree = pruner.tree()
                assert root_hash(tree, "state") == ledger.header.account_hash
                kept = {leaf.key: leaf.data for leaf in read_tree_leaves(tree)}
                assert kept == {key: ledger.objects[key] for key in wanted if key in ledger.objects}

    def test_a_state_of_one_object(self) -> None:
        objects = {b"\x10" * 32: b"data"}
        pruner = StatePruner([])
        pruner.add(*next(iter(objects.items())))
        assert root_hash(pruner.tree(), "state") == state_root(objects.items())

    def test_the_state_of_the_recorded_network(self, shared_data: Path) -> None:
        pruner = StatePruner([SkipList.short_index(), SkipList.long_index(0)])
        header = None
        with gzip.open(shared_data / "network" / "ledger_data_v2_binary_540.jsonl.gz") as lines:
            for line in lines:
                result = orjson.loads(line)["response"]["result"]
                header = header or bytes.fromhex(result["ledger"]["ledger_data"])
                for row in result["state"]:
                    pruner.add(bytes.fromhex(row["index"]), bytes.fromhex(row["data"]))
        tree = pruner.tree()
        assert header is not None
        assert root_hash(tree, "state") == read_header(header).account_hash
        assert len(list(read_tree_leaves(tree))) == 2
