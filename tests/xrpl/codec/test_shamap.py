"""Trees: against a plain recursive definition, folded whole and in shards."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.codec import (
    CodecError,
    LedgerHeader,
    StateTreeFold,
    differing_subtrees,
    join_subtrees,
    sha512half,
    state_root,
    transaction_root,
)

from .conftest import LEDGERS

pytestmark = pytest.mark.usefixtures("either_codec")

Objects = Sequence[tuple[bytes, bytes]]

# Keys that share long beginnings, and keys that share none.
KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.builds(lambda tail: bytes(30) + tail, st.binary(min_size=2, max_size=2)),
    st.builds(lambda head: head + bytes(31), st.binary(min_size=1, max_size=1)),
)
OBJECTS = st.dictionaries(KEYS, st.binary(max_size=9), max_size=40).map(lambda d: list(d.items()))


def reference_root(objects: Objects) -> bytes:
    """The tree by its definition: a node for each prefix that two leaves share, and the root."""

    def node(members: Objects, depth: int) -> bytes:
        if not members:
            return bytes(32)
        if len(members) == 1 and depth:
            index, data = members[0]
            return sha512half(b"MLN\0" + data + index)
        children = (
            [member for member in members if int(member[0].hex()[depth], 16) == digit]
            for digit in range(16)
        )
        return sha512half(b"MIN\0" + b"".join(node(child, depth + 1) for child in children))

    return node(objects, 0)


def shards(objects: Objects, digits: int) -> list[StateTreeFold]:
    folds = {
        f"{value:0{digits}X}": StateTreeFold(f"{value:0{digits}X}") for value in range(16**digits)
    }
    for index, data in sorted(objects):
        folds[index.hex().upper()[:digits]].add(index, data)
    return list(folds.values())


@given(OBJECTS)
def test_whole(objects: Objects) -> None:
    assert state_root(objects) == reference_root(objects)


@given(OBJECTS)
def test_in_16_shards(objects: Objects) -> None:
    folded = [fold.subtree() for fold in shards(objects, 1)]
    assert join_subtrees(folded) == reference_root(objects)


def test_in_256_shards() -> None:
    generator = random.Random(1)
    for count in (0, 1, 2, 17, 600):
        objects = [(generator.randbytes(32), generator.randbytes(8)) for _ in range(count)]
        folded = [fold.subtree() for fold in shards(objects, 2)]
        assert join_subtrees(folded) == reference_root(objects)


def test_memory_is_one_path() -> None:
    generator = random.Random(2)
    fold = StateTreeFold()
    for index in sorted(generator.randbytes(32) for _ in range(3000)):
        fold.add(index, b"data")
        assert len(fold._levels) <= 8


@pytest.mark.parametrize("second", [bytes(32), b"\0" * 31 + b"\x01"])
def test_out_of_order(second: bytes) -> None:
    fold = StateTreeFold()
    fold.add(b"\0" * 31 + b"\x01", b"")
    with pytest.raises(CodecError, match="out of order"):
        fold.add(second, b"")


def test_outside_of_the_shard() -> None:
    fold = StateTreeFold("a")
    fold.add(b"\xa0" + bytes(31), b"")
    with pytest.raises(CodecError, match="not both under A"):
        fold.add(b"\xb0" + bytes(31), b"")
    alone = StateTreeFold("A")
    alone.add(b"\xb0" + bytes(31), b"")
    with pytest.raises(CodecError, match="not under A"):
        alone.subtree()


def test_asked_twice() -> None:
    fold = StateTreeFold()
    for last in range(5):
        fold.add(bytes(31) + bytes((last,)), b"")
    assert fold.root() == fold.root()
    assert fold.subtree().leaves == fold.count == 5


def test_a_shard_has_no_root() -> None:
    with pytest.raises(CodecError, match="join its subtree"):
        StateTreeFold("A").root()


def test_a_shard_is_missing() -> None:
    folded = [fold.subtree() for fold in shards([], 1)]
    for wrong in (folded[:-1], [], folded[:-1] + folded[:1]):
        with pytest.raises(CodecError, match="all prefixes"):
            join_subtrees(wrong)


def test_the_shard_that_differs_is_named() -> None:
    generator = random.Random(3)
    objects = [(generator.randbytes(32), generator.randbytes(8)) for _ in range(200)]
    altered = [*objects[:-1], (objects[-1][0], b"altered")]
    ours, theirs = (
        {part.prefix: part.hash for part in (fold.subtree() for fold in shards(each, 1))}
        for each in (objects, altered)
    )
    assert differing_subtrees(ours, ours) == []
    assert differing_subtrees(ours, theirs) == [objects[-1][0].hex().upper()[0]]


def test_recorded_transactions() -> None:
    for path in LEDGERS.glob("*.json"):
        ledger = json.loads(path.read_text())["binary"]["ledger"]
        header = LedgerHeader.from_bytes(bytes.fromhex(ledger["ledger_data"]))
        pairs = [
            (bytes.fromhex(row["tx_blob"]), bytes.fromhex(row["meta_blob"]))
            for row in ledger["transactions"]
        ]
        assert transaction_root(pairs) == header.transaction_hash
        assert transaction_root(pairs[1:]) != header.transaction_hash
    assert transaction_root([]) == bytes(32)


def test_recorded_state(shared_data: Path) -> None:
    objects: list[tuple[bytes, bytes]] = []
    fold = StateTreeFold()
    with gzip.open(shared_data / "recording" / "ledger_data_v2_binary_302.jsonl.gz") as lines:
        for line in lines:
            result = json.loads(line)["response"]["result"]
            for entry in result["state"]:
                objects.append((bytes.fromhex(entry["index"]), bytes.fromhex(entry["data"])))
                fold.add(*objects[-1])
            if "ledger" in result:
                header = LedgerHeader.from_bytes(bytes.fromhex(result["ledger"]["ledger_data"]))
    assert len(objects) == 2085
    assert fold.root() == header.account_hash
    assert join_subtrees([part.subtree() for part in shards(objects, 2)]) == header.account_hash
