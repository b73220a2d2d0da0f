"""The compiled proof says what the one in Python says, or nothing."""

from __future__ import annotations

import itertools
import random
from hashlib import sha512
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.core import EkspiperError
from ekspiper.xrpl.codec import (
    CodecError,
    TransactionBlobs,
    _compiled_codec,
    transaction_id,
    transaction_root,
)
from ekspiper.xrpl.verify import parse_ledger, verify_ledger

from .conftest import LEDGERS
from .one_codec import assert_taken_out

pytestmark = pytest.mark.skipif(
    _compiled_codec.proof is None, reason="the compiled codec is not built: hatch run dev:codec"
)
LANES = [1, 4, 8]
NOT_IN_HEX = (
    "",
    "0",
    "00",
    "zz",
    "0G",
    " 00",
    "00 00",
    "é0",
    "\ud800",
    "0x",
    "@@",
    "`a",
    ":0",
    "/0",
)


def pure(call: Any, *arguments: Any) -> Any:
    """The outcome of a call, or its error, without the compiled codec."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_compiled_codec, "proof", None)
        return outcome(call, *arguments)


def outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except EkspiperError as error:
        return type(error), str(error)


def row(tx_blob: bytes, meta_blob: bytes) -> dict[str, Any]:
    return {
        "hash": transaction_id(tx_blob).hex().upper(),
        "meta_blob": meta_blob.hex().upper(),
        "tx_blob": tx_blob.hex(),
    }


def metadata(index: int, size: int) -> bytes:
    return b"\x20\x1c" + index.to_bytes(4) + bytes(size)


@pytest.mark.parametrize("lanes", LANES)
class TestHashes:
    # FIPS 180-4, the examples of SHA-512.
    @pytest.mark.parametrize(
        ("message", "half"),
        [
            (b"", "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"),
            (b"abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"),
            (
                b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                b"hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018",
            ),
            (b"a" * 1_000_000, "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"),
        ],
        ids=["nothing", "abc", "two blocks", "a million"],
    )
    def test_known_answers(self, lanes: int, message: bytes, half: str) -> None:
        assert _compiled_codec.proof.hash_many([message] * 9, lanes) == [bytes.fromhex(half)] * 9

    def test_every_length_around_a_block(self, lanes: int) -> None:
        messages = [bytes(range(256))[:size] for size in range(257)]
        assert _compiled_codec.proof.hash_many(messages, lanes) == halves(messages)

    @given(st.lists(st.binary(max_size=700), max_size=30))
    @settings(max_examples=30)
    def test_any_messages(self, lanes: int, messages: list[bytes]) -> None:
        assert _compiled_codec.proof.hash_many(messages, lanes) == halves(messages)


def halves(messages: list[bytes]) -> list[bytes]:
    return [sha512(message).digest()[:32] for message in messages]


class TestRoot:
    @given(
        st.lists(
            st.tuples(st.binary(max_size=300), st.integers(0, 700)),
            max_size=40,
            unique_by=lambda each: each[0],
        ),
        st.sampled_from(LANES),
    )
    @settings(max_examples=60)
    def test_any_transactions(self, made: list[tuple[bytes, int]], lanes: int) -> None:
        pairs = [(tx, metadata(nth, size)) for nth, (tx, size) in enumerate(made)]
        blobs = TransactionBlobs.of_rows([row(*pair) for pair in reversed(pairs)])
        assert blobs is not None
        assert [(tx, meta) for _, tx, meta in blobs] == pairs
        assert [key for key, _, _ in blobs] == [transaction_id(tx) for tx, _ in pairs]
        root = pure(transaction_root, pairs)
        assert blobs.root() == root
        assert _compiled_codec.proof.tree_root(blobs.data, blobs.spans, blobs.ids, lanes) == root

    @pytest.mark.parametrize("size", [192, 193, 12480, 12481, 100_000])
    def test_where_the_length_prefix_grows(self, size: int) -> None:
        pairs = [(bytes(size), metadata(0, size - 6))]
        blobs = TransactionBlobs.of_rows([row(*pairs[0])])
        assert blobs is not None
        assert blobs.root() == pure(transaction_root, pairs)

    def test_more_than_a_prefix_can_say(self) -> None:
        blobs = TransactionBlobs.of_rows([row(bytes(918_745), metadata(0, 0))])
        assert blobs is not None
        assert blobs.root() is None

    def test_an_id_that_differs_or_is_there_twice_is_declined(self) -> None:
        rows = [row(b"one", metadata(0, 0)), row(b"two", metadata(1, 0))]
        twice = TransactionBlobs.of_rows([*rows, rows[0]])
        assert twice is not None
        assert twice.root() is None
        rows[0]["hash"] = rows[1]["hash"]
        other = TransactionBlobs.of_rows(rows)
        assert other is not None
        assert other.root() is None

    @pytest.mark.parametrize("nth", range(4))
    def test_no_byte_outside_is_read(self, nth: int) -> None:
        blobs = TransactionBlobs.of_rows([row(b"one", metadata(0, 0))])
        assert blobs is not None
        spans = memoryview(bytearray(blobs.spans)).cast("I")
        for beyond in (len(blobs.data) + 1, 1 << 31, (1 << 32) - 1):
            spans[nth] = beyond
            assert _compiled_codec.proof.tree_root(blobs.data, bytes(spans), blobs.ids) is None
        for cut in (bytes(spans)[:-1], bytes(spans) + bytes(16), b""):
            assert _compiled_codec.proof.tree_root(blobs.data, cut, blobs.ids) is None
        assert _compiled_codec.proof.tree_root(blobs.data, blobs.spans, blobs.ids[:-1]) is None


class TestAnswers:
    @pytest.fixture(params=["129.json", "242.json"])
    def result(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        loaded: dict[str, Any] = orjson.loads((LEDGERS / request.param).read_bytes())["binary"]
        return loaded

    def test_the_recorded_ones_are_compiled(self, result: dict[str, Any]) -> None:
        rows = result["ledger"]["transactions"]
        blobs = TransactionBlobs.of_rows(rows)
        assert blobs is not None
        assert blobs.root() == pure(transaction_root, [(tx, meta) for _, tx, meta in blobs])
        assert {tx.hex().upper() for _, tx, _ in blobs} == {each["tx_blob"] for each in rows}

    @pytest.mark.parametrize("key", ["hash", "tx_blob", "meta_blob"])
    @pytest.mark.parametrize("value", [*NOT_IN_HEX, None, 5, b"00", ["00"]])
    def test_what_is_out_of_the_ordinary(
        self, result: dict[str, Any], key: str, value: object
    ) -> None:
        result["ledger"]["transactions"][-1][key] = value
        assert_the_same(result)

    def test_rows_that_are_none(self, result: dict[str, Any]) -> None:
        rows = result["ledger"]["transactions"]
        for value in ("00", None, [], {}, 5):
            result["ledger"]["transactions"] = [*rows[:-1], value]
            assert_the_same(result)
            assert TransactionBlobs.of_rows([*rows[:-1], value]) is None

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=100)
    def test_any_alteration_is_judged_alike(self, seed: int) -> None:
        chance = random.Random(seed)
        result = orjson.loads((LEDGERS / "242.json").read_bytes())["binary"]
        rows = result["ledger"]["transactions"]
        for _ in range(chance.choice((0, 1, 1, 2))):
            each, key = chance.choice(rows), chance.choice(("hash", "tx_blob", "meta_blob"))
            at = chance.randrange(len(each[key]))
            new = chance.choice(("", "0", "F", "f", "g", " ", "00", each[key][at].lower()))
            each[key] = each[key][:at] + new + each[key][at + 1 :]
        chance.shuffle(rows)
        assert_the_same(result)


class TestFrames:
    @pytest.fixture(params=["129.json", "242.json"])
    def frame(self, request: pytest.FixtureRequest) -> bytes:
        result = orjson.loads((LEDGERS / request.param).read_bytes())["binary"]
        return orjson.dumps({"id": 7, "result": result, "status": "success", "type": "response"})

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_the_recorded_ones(self, frame: bytes, kind: Any) -> None:
        found = TransactionBlobs.of_frame(kind(frame))
        assert found is not None
        assert_taken_out(frame, *found)

    def test_members_in_any_order(self, frame: bytes) -> None:
        message = orjson.loads(frame)
        rows = message["result"]["ledger"]["transactions"]
        for order in itertools.permutations(rows[0]):
            message["result"]["ledger"]["transactions"] = [
                {name: each[name] for name in order} for each in rows
            ]
            found = TransactionBlobs.of_frame(orjson.dumps(message))
            assert found is not None
            assert_taken_out(orjson.dumps(message), *found)

    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: [],
            lambda rows: [{**rows[0], "more": 1}],
            lambda rows: [{**rows[0], "hash": rows[0]["hash"][:-2]}],
            lambda rows: [{**rows[0], "meta_blob": "201D00000000"}],
            lambda rows: [{name: rows[0][name] for name in ("hash", "tx_blob")}],
            lambda rows: [rows[0]["hash"]],
            lambda rows: [*rows, None],
        ],
    )
    def test_what_is_out_of_the_ordinary_is_declined(self, frame: bytes, change: Any) -> None:
        message = orjson.loads(frame)
        ledger = message["result"]["ledger"]
        ledger["transactions"] = change(ledger["transactions"])
        assert TransactionBlobs.of_frame(orjson.dumps(message)) is None
        assert TransactionBlobs.of_frame(orjson.dumps(message, option=orjson.OPT_INDENT_2)) is None

    def test_wherever_it_ends_nothing_is_read_behind(self, frame: bytes) -> None:
        end = frame.index(b"]") + 1
        for at in range(end):
            assert TransactionBlobs.of_frame(frame[:at]) is None
        assert TransactionBlobs.of_frame(frame[:end]) is not None

    def test_a_name_inside_of_a_text_is_none(self) -> None:
        said = {"hash": "00" * 32, "meta_blob": "201C00000000", "tx_blob": "00"}
        text = orjson.dumps({"transactions": [said]}).decode()
        for frame in (
            orjson.dumps({"error": text}),
            b'{"a\\"transactions":[' + orjson.dumps(said) + b"]}",
        ):
            assert TransactionBlobs.of_frame(frame) is None

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=300)
    def test_any_alteration_is_read_as_json_or_declined(self, seed: int) -> None:
        chance = random.Random(seed)
        result = orjson.loads((LEDGERS / "129.json").read_bytes())["binary"]
        frame = bytearray(orjson.dumps({"id": 7, "result": result}))
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(frame))
            if chance.random() < 0.5:
                frame[at] = chance.choice(b'0"F{}[],:\\ ')
            else:
                frame[at : at + chance.randrange(3)] = chance.choice((b"", b'"', b"0", b"ab", b"}"))
        found = TransactionBlobs.of_frame(frame)
        if found is None:
            return
        try:
            whole = orjson.loads(frame)
        except orjson.JSONDecodeError:
            with pytest.raises(orjson.JSONDecodeError):
                orjson.loads(found[0])
        else:
            assert whole  # it is read in the same way
            assert_taken_out(bytes(frame), *found)


def assert_the_same(result: dict[str, Any]) -> None:
    """Both codecs prove it, or refuse it with the same words."""
    assert outcome(proven, result) == pure(proven, result)


def proven(result: dict[str, Any]) -> list[tuple[Any, ...]]:
    ledger = parse_ledger(result)
    verify_ledger(ledger)
    return [(each.hash, each.index, each.tx_blob, each.meta_blob) for each in ledger.transactions]


def test_without_the_extension_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(b"one", metadata(0, 0))]
    blobs = TransactionBlobs.of_rows(rows)
    assert blobs is not None
    monkeypatch.setattr(_compiled_codec, "proof", None)
    assert TransactionBlobs.of_rows(rows) is None
    assert blobs.root() is None


def test_keys_that_share_all_digits_but_the_last() -> None:
    keys = [bytes(31) + bytes([last]) for last in (0, 1, 16, 17)]
    leaves = [bytes([nth + 1]) * 32 for nth in range(4)]
    root = _compiled_codec.proof.fold_leaves(keys, leaves)
    assert root == _compiled_codec.proof.fold_leaves(keys[::-1], leaves[::-1], 1)
    assert _compiled_codec.proof.fold_leaves([*keys, keys[0]], [*leaves, leaves[0]]) is None
    assert _compiled_codec.proof.fold_leaves([b"short"], [leaves[0]]) is None
    with pytest.raises(CodecError, match="out of order"):
        transaction_root([(b"one", b""), (b"one", b"")])
