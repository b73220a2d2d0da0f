"""The ledger header, from a recorded ledger."""

from __future__ import annotations

import json

import pytest

from ekspiper.xrpl.codec import CodecError, LedgerHeader, ripple_time_iso

from .conftest import LEDGERS

RECORDED = json.loads((LEDGERS / "242.json").read_text())
DATA = bytes.fromhex(RECORDED["binary"]["ledger"]["ledger_data"])


def test_fields_are_those_that_the_server_printed() -> None:
    header, printed = LedgerHeader.from_bytes(DATA), RECORDED["json"]["ledger"]
    assert header.ledger_index == printed["ledger_index"] == 242
    assert str(header.total_coins) == printed["total_coins"]
    assert header.parent_hash.hex().upper() == printed["parent_hash"]
    assert header.transaction_hash.hex().upper() == printed["transaction_hash"]
    assert header.account_hash.hex().upper() == printed["account_hash"]
    assert header.parent_close_time == printed["parent_close_time"]
    assert header.close_time == printed["close_time"]
    assert header.close_time_resolution == printed["close_time_resolution"]
    assert header.close_flags == printed["close_flags"]
    assert header.close_time_iso == printed["close_time_iso"]
    assert header.ledger_hash.hex().upper() == printed["ledger_hash"]
    assert header.to_bytes() == DATA


def test_every_field_is_in_the_hash() -> None:
    header = LedgerHeader.from_bytes(DATA)
    assert header._replace(close_flags=1).ledger_hash != header.ledger_hash
    assert header._replace(total_coins=0).ledger_hash != header.ledger_hash


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"\0"])
def test_a_header_of_another_length(data: bytes) -> None:
    with pytest.raises(CodecError, match=f"118 bytes, not {len(data)}"):
        LedgerHeader.from_bytes(data)


def test_the_epoch() -> None:
    assert ripple_time_iso(0) == "2000-01-01T00:00:00Z"
    assert ripple_time_iso(2**32 - 1) == "2136-02-07T06:28:15Z"
