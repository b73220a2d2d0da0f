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

from ekspiper.xrpl.codec import CodecError, Decoder, Encoder, encode_length, read_length
from ekspiper.xrpl.codec._numbers import (
    issued_value,
    issued_word,
    number_parts,
    number_text,
    xrp_drops,
    xrp_word,
)
from ekspiper.xrpl.replay import SAMPLE
from tests.xrpl.older_definitions import older_definitions

from .conftest import Printed
from .test_decoder import ALICE, ISSUANCE, RARE, USD

pytestmark = pytest.mark.usefixtures("either_codec")

MPT = {"mpt_issuance_id": ISSUANCE, "value": "12"}


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
    assert check(blobs_of(rows)) == 2 * 2793


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
    prefix = encode_length(size)
    assert read_length(prefix, 0) == (size, len(prefix))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Nonsense": 1}, "Nonsense: the definitions know no such field"),
        ({"hash": "00"}, "hash: it is not part of what the ledger holds"),
        ({"Flags": 1 << 32}, "Flags: 4294967296 does not fit its type: int too big to convert"),
        ({"Flags": "x"}, "Flags: 'x' does not fit its type"),
        ({"Fee": "1.5"}, "Fee: '1.5' does not fit its type"),
        ({"Fee": str(1 << 62)}, "Fee: '4611686018427387904' does not fit its type: .* do not fit"),
        ({"Amount": {**USD, "value": "1" * 17}}, "Amount: .* does not fit: 16 digits"),
        ({"Amount": {**USD, "value": "1e99"}}, "Amount: .* does not fit"),
        ({"Amount": {**USD, "value": "NaN"}}, "Amount: .* 'NaN' is not a decimal number"),
        ({"Amount": {**USD, "currency": "US"}}, "Amount: .* 'US' is not a currency"),
        ({"Account": "r123"}, "Account: 'r123' is not an address"),
        ({"AccountTxnID": "00"}, "AccountTxnID: '00' does not fit its type: 32 bytes are needed"),
        ({"AssetsTotal": "1" * 20}, "AssetsTotal: .* does not fit: 63 bits"),
        ({"TransactionType": "Nonsense"}, "TransactionType: 'Nonsense' does not fit its type"),
        ({"MemoData": "0"}, "MemoData: '0' does not fit its type"),
        ({"Memos": [{"Memo": {"MemoData": "0"}}]}, "Memos: Memo: MemoData: '0' does not fit"),
        ({"Fee": "1_2"}, "Fee: '1_2' does not fit its type: .* is not a whole number of drops"),
        ({"Fee": " 12 "}, "Fee: .* is not a whole number of drops"),
        ({"Fee": "012"}, "Fee: .* is not a whole number of drops"),
        ({"Flags": True}, "Flags: True does not fit its type: it is not a whole number"),
        ({"Flags": 1.0}, "Flags: 1.0 does not fit its type"),
        ({"OwnerNode": "0x1"}, "OwnerNode: .* not a 64-bit number"),
        ({"OwnerNode": "1_0"}, "OwnerNode: .* not a 64-bit number"),
        ({"OwnerNode": "01"}, "OwnerNode: .* not a 64-bit number"),
        ({"MaximumAmount": "1_2"}, "MaximumAmount: .* not a whole number"),
        (
            {"Amount": {**MPT, "currency": "USD", "issuer": ""}},
            "Amount: .* neither currency nor issuer",
        ),
        ({"Amount": {**MPT, "more": ""}}, "Amount: .* it has other members"),
        ({"Amount": {**MPT, "value": str(1 << 63)}}, "Amount: .* units do not fit"),
        ({"Amount": {**MPT, "value": f"-{1 << 63}"}}, "Amount: .* units do not fit"),
        ({"Amount": {**MPT, "value": "1_2"}}, "Amount: .* not a whole number"),
        ({"Amount": {**USD, "more": ""}}, "Amount: .* it has other members"),
        ({"Amount": {**USD, "value": "1.0"}}, "Amount: .* the value 1.0 is written 1"),
        ({"Amount": {**USD, "currency": "00" * 12 + "555344" + "00" * 5}}, "is written USD"),
        ({"MemoData": "AA BB"}, "MemoData: .* something else than hex digits"),
        ({"AccountTxnID": "00 " * 32}, "AccountTxnID: .* something else than hex digits"),
        ({"Asset": {"currency": "XRP", "issuer": ALICE}}, "Asset: .* XRP has no issuer"),
        ({"Asset": {"currency": "USD"}}, "Asset: .* every other currency has one"),
        ({"Paths": [[{"account": ALICE, "type": 16}]]}, "Paths: .* says that it is another"),
        ({"Paths": [[{"account": ALICE, "more": 1}]]}, "Paths: .* has other members"),
        ({"Paths": [[]]}, "Paths: .* a path without steps"),
        ({"Paths": [[{"account": ALICE}, {}]]}, "Paths: .* a path step without account, currency"),
        ({"Memos": [{}]}, "Memos: .* element 1 is not one object under its name"),
        ({"Memos": [{"Flags": 1}]}, "Memos: .* element 1 is not one object under its name"),
        ({"TransactionType": "7"}, "TransactionType: '7' does not fit its type"),
        ({"Account": None}, "Account: None does not fit its type"),
        ({"Unknown_UInt32_99": "0000007b"}, "Unknown_UInt32_99: .* hex is in upper case"),
        ({"Unknown_Novel_99": "00"}, "Unknown_Novel_99: the definitions know no such field"),
        (
            {"Memos": [{"Memo": {"_unrecognized": "01C8AA"}}], "Sponsor": ALICE, "Paths": []},
            "Memos was not read to its end, but Paths is there",
        ),
        (
            {"MemoData": "00" * 918745},
            "MemoData: 918745 bytes are more than the 918744 that a length prefix can say",
        ),
    ],
)
def test_what_cannot_be_encoded_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CodecError, match=message):
        Encoder().encode(fields)


@pytest.mark.parametrize(
    "gone",
    [
        {"types": {"Number"}},
        {"types": {"UInt64"}},
        {"types": {"Hash256"}},
        {"fields": {"FinalFields", "Memos", "Balance", "TakerGets", "Owner", "Indexes", "Account"}},
        {"fields": {"ModifiedNode", "AffectedNodes"}},
        {"names": {"Payment", "Offer", "tesSUCCESS"}},
    ],
)
def test_what_the_decoder_did_not_know_is_written_as_it_was(
    transactions: list[Printed], gone: dict[str, set[str]]
) -> None:
    older = older_definitions(**gone)
    decoder = Decoder(older, shape="record")
    for each in transactions:
        for blob in (each.tx_blob, each.meta_blob):
            fields = decoder.ledger_object(blob)
            assert Encoder(older).encode(fields) == blob
            assert Encoder().encode(fields) == blob
    assert decoder.drift or gone == {"types": {"Number"}}  # which these transactions do not have


def test_nesting_without_end_is_named() -> None:
    fields: dict[str, Any] = {}
    for _ in range(2000):
        fields = {"Memo": fields}
    with pytest.raises(CodecError, match="objects are nested too deep"):
        Encoder().encode(fields)
