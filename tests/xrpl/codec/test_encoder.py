"""The encoder gives back the bytes that were decoded, and those that xrpl-py makes."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core.binarycodec import encode

from ekspiper.xrpl.codec import CodecError, Decoder, Encoder
from ekspiper.xrpl.codec.amounts import issued_value, issued_word, xrp_drops, xrp_word
from ekspiper.xrpl.codec.number import number_parts, number_text
from ekspiper.xrpl.codec.readers import read_length
from ekspiper.xrpl.codec.writers import length_prefix
from ekspiper.xrpl.replay.recording import SAMPLE

from .conftest import Printed
from .test_decoder import ALICE, ISSUANCE, RARE, USD


def results(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as lines:
        for line in lines:
            yield orjson.loads(line)["response"]["result"]


def check(blobs: Iterable[str | bytes]) -> int:
    """Each is encoded again from both shapes; how many there were."""
    encoder, server, record = Encoder(), Decoder(), Decoder(shape="record")
    count = 0
    for blob in blobs:
        count += 1
        data = bytes.fromhex(blob) if isinstance(blob, str) else blob
        assert encoder.encode(server.ledger_object(data)) == data
        assert encoder.encode(record.ledger_object(data)) == data
    return count


def blobs_of(rows: Iterable[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        yield row["tx_blob"]
        yield row["meta_blob"] if "meta_blob" in row else row["meta"]


def test_what_is_in_the_project(transactions: list[Printed]) -> None:
    assert check(blob for each in transactions for blob in (each.tx_blob, each.meta_blob)) == 18
    ledgers = results(Path(SAMPLE) / "ledger_v2_binary.jsonl.gz")
    rows = (row for each in ledgers for row in each["ledger"]["transactions"])
    assert check(blobs_of(rows)) == 2 * 2831


def test_everything_that_is_recorded(shared_data: Path) -> None:
    recording = shared_data / "recording"
    ledgers = results(recording / "ledger_v2_binary.jsonl.gz")
    rows = (row for each in ledgers for row in each["ledger"]["transactions"])
    assert check(blobs_of(rows)) == 2 * 7829
    pages = results(recording / "ledger_data_v2_binary_302.jsonl.gz")
    assert check(row["data"] for page in pages for row in page["state"]) == 2085
    with gzip.open(shared_data / "mainnet" / "ledgers.jsonl.gz") as lines:
        mainnet = (orjson.loads(line)["binary"]["transactions"] for line in lines)
        assert check(blobs_of(row for rows in mainnet for row in rows)) == 2 * 980


@pytest.mark.parametrize("name", RARE)
def test_rare_types_as_the_peer_encodes_them(name: str) -> None:
    blob = encode(RARE[name])
    assert Encoder().encode(RARE[name]).hex().upper() == blob
    assert check([blob]) == 1


@pytest.mark.parametrize(
    "blob",
    [
        "62000000000000000C",  # negative drops, as in 2013
        "620000000000000000",  # of nothing
        "12006668400000000000000073008100",  # a pseudo-transaction without an account
        "011240" + ISSUANCE + "00",  # a path through a token
        "12FFFF",  # a type without a name
    ],
)
def test_what_the_peer_does_not_encode(blob: str) -> None:
    assert check([blob]) == 1


def test_fields_come_in_canonical_order() -> None:
    fields = {"Memos": [], "Account": ALICE, "Fee": "1", "Flags": 0, "TransactionType": "Payment"}
    assert Encoder().encode(fields) == bytes.fromhex(encode(fields))


@given(st.integers(10**15, 10**16 - 1), st.integers(-96, 80), st.booleans())
def test_issued_values(mantissa: int, exponent: int, negative: bool) -> None:
    word = 1 << 63 | (not negative) << 62 | exponent + 97 << 54 | mantissa
    assert issued_word(issued_value(word)) == word
    assert issued_word(f"{'-' * negative}{mantissa}0e{exponent - 1}") == word


@given(st.integers(10**18, 2**63 - 1), st.integers(-32768, 32767), st.booleans())
def test_numbers(mantissa: int, exponent: int, negative: bool) -> None:
    parts = (-mantissa if negative else mantissa), exponent
    assert number_parts(number_text(*parts)) == parts


def test_zeros() -> None:
    assert issued_word("0") == issued_word("0.0") == 1 << 63
    assert number_parts("0") == (0, -(2**31))


@given(st.integers(0, 2**62 - 1), st.booleans())
def test_drops(magnitude: int, negative: bool) -> None:
    word = magnitude | (not negative) << 62
    assert xrp_word(xrp_drops(word)) == word


@pytest.mark.parametrize("size", [0, 1, 192, 193, 12480, 12481, 918744])
def test_lengths(size: int) -> None:
    prefix = length_prefix(size)
    assert read_length(prefix, 0) == (size, len(prefix))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Nonsense": 1}, "Nonsense: the definitions know no such field"),
        ({"hash": "00"}, "hash: the definitions know no such field"),
        ({"Flags": 1 << 32}, "Flags: 4294967296 is none of its type: int too big to convert"),
        ({"Flags": "x"}, "Flags: 'x' is none of its type"),
        ({"Fee": "1.5"}, "Fee: '1.5' is none of its type"),
        ({"Fee": str(1 << 62)}, "Fee: '4611686018427387904' is none of its type: .* do not fit"),
        ({"Amount": {**USD, "value": "1" * 17}}, "Amount: .* does not fit: 16 digits"),
        ({"Amount": {**USD, "value": "1e99"}}, "Amount: .* does not fit"),
        ({"Amount": {**USD, "value": "NaN"}}, "Amount: .* 'NaN' is no decimal number"),
        ({"Amount": {**USD, "currency": "US"}}, "Amount: .* 'US' is no currency"),
        ({"Account": "r123"}, "Account: 'r123' is not an address"),
        ({"AccountTxnID": "00"}, "AccountTxnID: '00' is none of its type: 32 bytes are needed"),
        ({"AssetsTotal": "1" * 20}, "AssetsTotal: .* does not fit: 63 bits"),
        ({"TransactionType": "Nonsense"}, "TransactionType: 'Nonsense' is none of its type"),
        ({"MemoData": "0"}, "MemoData: '0' is none of its type"),
        ({"Memos": [{"Memo": {"MemoData": "0"}}]}, "Memos: Memo: MemoData: '0' is none"),
        ({"MemoData": "00" * 918745}, "MemoData: .* more than a length can say"),
    ],
)
def test_what_cannot_be_encoded_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CodecError, match=message):
        Encoder().encode(fields)


def test_nesting_without_end_is_named() -> None:
    fields: dict[str, Any] = {}
    for _ in range(2000):
        fields = {"Memo": fields}
    with pytest.raises(CodecError, match="objects are nested too deep"):
        Encoder().encode(fields)
