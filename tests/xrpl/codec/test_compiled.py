"""The compiled codec and the one in Python are one codec: same objects, same lines, same errors."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.xrpl.codec import Decoder, Definitions, _compiled_codec
from ekspiper.xrpl.derive import DerivationError
from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.replay import SAMPLE

from .one_codec import Both, blobs_of, ledgers_in, mutated, pages_in

pytestmark = pytest.mark.skipif(
    _compiled_codec.compiled is None, reason="the compiled codec is not built: hatch run dev:codec"
)


@pytest.fixture(scope="module")
def both() -> Both:
    return Both(Definitions.bundled())


@pytest.fixture(scope="module")
def sample(both: Both) -> list[Transaction]:
    """All transactions of the sample network."""
    ledgers = ledgers_in(Path(SAMPLE), both.decoder)
    return [transaction for ledger in ledgers for transaction in ledger.transactions]


def test_every_transaction_of_the_sample_is_compiled(both: Both, sample: list[Transaction]) -> None:
    for each in sample:
        assert both.line(each), f"{each.hash} has no line"
        assert both.objects(each.tx_blob)
        assert both.objects(each.meta_blob)
        assert both.bytes_again(each.fields, each.tx_blob)
        assert both.bytes_again(each.meta, each.meta_blob)


def test_a_ledger_is_written_as_its_transactions_are(both: Both) -> None:
    for ledger in ledgers_in(Path(SAMPLE), both.decoder):
        lines = [both.lines.transaction(each, 21_338) for each in ledger.transactions]
        found = both.lines.ledger(ledger, 21_338, **blobs_of(ledger.transactions))
        assert found == b"".join(line for line in lines if line is not None)


def test_one_transaction_without_a_line_is_enough_to_decline(
    both: Both, sample: list[Transaction]
) -> None:
    ledger, (first, second) = sample[0].ledger, sample[:2]
    unreadable = both.altered(second, second.tx_blob, b"")
    assert both.lines.ledger(ledger, 0, **blobs_of([first, unreadable])) is None
    assert both.lines.ledger(ledger, 0, **blobs_of([first, second])) is not None
    assert both.lines.ledger(ledger, 0, **blobs_of([])) == b""


def test_places_outside_of_the_bytes_are_declined(both: Both, sample: list[Transaction]) -> None:
    blobs, most = blobs_of(sample[:2]), 0xFFFFFFFF
    spans = array("I", blobs["spans"])
    for at in range(len(spans)):
        for wrong in (most, most - spans[at], len(blobs["data"]) + 1):
            moved = array("I", spans)
            moved[at] = wrong
            altered = {**blobs, "spans": moved.tobytes()}
            assert both.lines.ledger(sample[0].ledger, 0, **altered) is None
    for name, cut in (("ids", 32), ("ids", 1), ("spans", 16), ("data", 1)):
        altered = {**blobs, name: blobs[name][:-cut]}
        assert both.lines.ledger(sample[0].ledger, 0, **altered) is None


@pytest.mark.parametrize(
    "value",
    [
        {"Fee": 3},
        {"Fee": {"value": "1"}},
        {"Fee": {"currency": "XRP", "issuer": "", "value": "9" * 30}},
        {"Fee": {"currency": "USD", "issuer": "r", "value": "1"}},
        {"Fee": {"currency": "US", "issuer": "", "value": "1"}},
        {"Sequence": "1"},
        {"Sequence": 1 << 32},
        {"Sequence": -1},
        {"Sequence": True},
        {"TransactionType": 0},
        {"TransactionType": "NoSuchType"},
        {"SigningPubKey": "ABC"},
        {"SigningPubKey": "GG"},
        {"AccountTxnID": "AB"},
        {"Paths": [[]]},
        {"Paths": [{"steps": ["x"]}]},
        {"Memos": [{}]},
        {"Memos": [{"Memo": {}, "Signer": {}}]},
        {"Memos": {"Memo": {}}},
        {"NoSuchField": 1},
        {"Sequence": 1, "Flags": 0},
        {"Account": "rrrrrrrrrrrrrrrrrrrrrhoLvTq"},
        {"Account": None},
        {1: 2},
    ],
)
def test_what_has_no_bytes_is_declined(both: Both, value: dict[Any, Any]) -> None:
    assert both.encoder.object(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)) is None


def test_every_recorded_transaction_is_compiled(both: Both, shared_data: Path) -> None:
    for ledger in ledgers_in(shared_data / "recording", both.decoder):
        for each in ledger.transactions:
            assert both.line(each), f"{each.hash} has no line"


def test_ledger_objects_are_written_as_in_python(both: Both, shared_data: Path) -> None:
    for folder, name in (
        ("recording", "ledger_data_v2_binary_302.jsonl.gz"),
        ("network", "ledger_data_v2_binary_540.jsonl.gz"),
    ):
        written = total = 0
        for page in pages_in(shared_data / folder / name):
            for index, data in page.objects:
                total += 1
                written += both.object_line(page, index, data)
            assert both.page(page)
            assert both.page(replace(page, type_codes=frozenset({"0061", "007E"})))
            assert both.page(replace(page, objects=()))
        assert written == total, f"{written} of {total} objects of {name}"


def test_altered_objects_are_written_as_in_python_or_declined(
    both: Both, shared_data: Path
) -> None:
    chance = random.Random(3)
    (page,) = list(pages_in(shared_data / "network" / "ledger_data_v2_binary_540.jsonl.gz"))[:1]
    written = pages = 0
    for _ in range(1_000):
        index, data = chance.choice(page.objects)
        again = mutated(bytes.fromhex(data), chance).hex().upper()
        written += both.object_line(page, index, again)
        pages += both.page(replace(page, objects=(*page.objects[:2], (index, again))))
    assert 100 < written == pages


@pytest.mark.parametrize(
    "pair",
    [
        ("AB" * 32, "1"),
        ("AB" * 32, "11006G"),
        ("AB" * 31, "110061"),
        ('"' * 64, "110061"),
        ("\ud800", "\ud800"),
        ("AB" * 32, b"11"),
        (b"AB", "11"),
        ("AB" * 32,),
        ["AB" * 32, "11"],
    ],
    ids=str,
)
def test_what_is_not_an_object_has_no_line(both: Both, pair: Any) -> None:
    assert both.lines._writer.object_lines((pair,), b"", None) is None


def test_an_issuance_without_an_issuer_is_refused_as_in_python(
    both: Both, shared_data: Path
) -> None:
    """Its id cannot be made; a line without it would be another record."""
    begin = f"11{both.definitions.ledger_entry_types['MPTokenIssuance']:04X}"
    pages = pages_in(shared_data / "network" / "ledger_data_v2_binary_540.jsonl.gz")
    page, index, data = next(
        (page, *pair) for page in pages for pair in page.objects if pair[1].startswith(begin)
    )
    assert both.object_line(page, index, data)
    begin, _, end = data.partition("8414")  # the issuer, 20 bytes
    spoiled = f"{begin}8400{end[40:]}"
    assert both.lines._writer.object_line(bytes.fromhex(spoiled), index, b"") is None
    with pytest.raises(DerivationError):
        both.objects_etl.record(page, index, spoiled)


def test_altered_bytes_are_read_as_in_python_or_declined(
    both: Both, sample: list[Transaction]
) -> None:
    chance = random.Random(7)
    written = 0
    for _ in range(3_000):
        each = chance.choice(sample)
        tx_blob, meta_blob = each.tx_blob, each.meta_blob
        if chance.random() < 0.5:
            tx_blob = mutated(tx_blob, chance)
        else:
            meta_blob = mutated(meta_blob, chance)
        both.objects(tx_blob)
        both.objects(meta_blob)
        written += both.line(both.altered(each, tx_blob, meta_blob))
    assert written > 300, "most alterations are declined, but many only change a value"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_as_in_python_or_declined(blob: bytes) -> None:
    _both_once().objects(blob)


_BOTH: list[Both] = []


def _both_once() -> Both:
    if not _BOTH:
        _BOTH.append(Both(Definitions.bundled()))
    return _BOTH[0]


NUMBERS = st.one_of(
    st.integers(0, 64).flatmap(lambda bits: st.integers(0, 2**bits - 1)),
    st.builds(lambda digits, zeros: digits * 10**zeros, st.integers(1, 9_999), st.integers(0, 14)),
)
"""Numbers of every length, and round ones."""


def issued(mantissa: int, exponent: int, sign: int) -> bytes:
    """An issued amount: a field."""
    word = 1 << 63 | sign << 62 | (exponent + 97) << 54 | mantissa & (1 << 54) - 1
    return b"\x61" + word.to_bytes(8, "big") + bytes(12) + b"USD" + bytes(5) + b"\x07" * 20


VALUES = st.one_of(
    st.builds(issued, NUMBERS, st.integers(-97, 80), st.integers(0, 1)),
    st.builds(lambda drops: b"\x61" + (drops | 1 << 62).to_bytes(8, "big"), NUMBERS),
    st.builds(
        lambda mantissa, exponent: (
            b"\x91" + (mantissa >> 1).to_bytes(8, "big") + exponent.to_bytes(4, "big", signed=True)
        ),
        NUMBERS,
        st.integers(-60, 20),
    ),
    st.builds(lambda number: b"\x33" + number.to_bytes(8, "big"), NUMBERS),
    st.builds(lambda number: b"\x30\x18" + number.to_bytes(8, "big"), NUMBERS),
    st.builds(lambda number: b"\x24" + (number & 0xFFFFFFFF).to_bytes(4, "big"), NUMBERS),
    st.binary(max_size=80).map(lambda raw: b"\x7d" + bytes((len(raw),)) + raw),
    st.binary(min_size=1, max_size=3).map(lambda raw: b"\x12" + raw[:1].rjust(2, b"\0")),
    st.binary(min_size=8, max_size=8).map(lambda raw: b"\x61" + raw),
    st.binary(min_size=48, max_size=48).map(
        lambda raw: b"\x61" + bytes((raw[0] | 0x80,)) + raw[1:]
    ),
    st.binary(min_size=33, max_size=33).map(
        lambda raw: b"\x61" + bytes((raw[0] & 0x5F | 0x20,)) + raw[1:]
    ),
    st.binary(min_size=12, max_size=12).map(lambda raw: b"\x91" + raw),
    st.binary(min_size=8, max_size=8).map(lambda raw: b"\x31" + raw),
    st.binary(min_size=20, max_size=20).map(lambda raw: b"\x01\x10" + raw),
)
"""A field each: all kinds of amounts and numbers, a blob, names, a PathSet's beginning."""


@given(VALUES)
@settings(max_examples=2_000, deadline=None)
def test_values_of_every_kind_are_printed_alike(blob: bytes) -> None:
    _both_once().objects(blob)


@pytest.mark.parametrize(
    ("tx_blob", "meta_blob"),
    [(b"", b""), (b"\x12", b""), (b"\x12\x00\x00\xe1", b""), (b"\x12\x00", b"\x20\x1c")],
)
def test_scraps_are_declined(
    both: Both, sample: list[Transaction], tx_blob: bytes, meta_blob: bytes
) -> None:
    assert not both.line(both.altered(sample[0], tx_blob, meta_blob))


def test_objects_nested_without_end_are_declined(both: Both) -> None:
    assert not both.objects(b"\xea" * 5_000)
    assert not both.objects(b"\xf9\xea" * 5_000)


def test_fields_that_the_definitions_lack_are_left_to_python(
    definitions_json: dict[str, Any], sample: list[Transaction]
) -> None:
    fields = [row for row in definitions_json["FIELDS"] if row[0] != "Sequence"]
    old = Definitions.from_server({**definitions_json, "FIELDS": fields})
    older = Both(old)
    each = older.altered(sample[0], sample[0].tx_blob, sample[0].meta_blob)
    assert not older.line(each)
    assert not older.objects(each.tx_blob)
    decoder = Decoder(old)
    assert "Unknown_UInt32_4" in decoder.transaction(each.tx_blob)
    assert decoder.drift


def test_an_environment_variable_leaves_the_compiled_codec_out() -> None:
    program = "from ekspiper.xrpl.codec import implementation; print(implementation())"
    for value, expected in (("", "compiled"), ("0", "compiled"), ("1", "pure Python")):
        environment = {**os.environ, "EKSPIPER_PURE": value}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
