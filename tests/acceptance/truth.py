"""What a recording says that files must hold, read without any of our own code."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xrpl.core.binarycodec.definitions import definitions

__all__ = ["Truth", "read_jsonl", "record_shape"]

# What servers make up beside the fields of a transaction, or put elsewhere in a record.
MADE_UP = {"DeliverMax", "date", "ctid", "hash", "inLedger", "ledger_index", "close_time_iso"}
MADE_UP_IN_META = {"delivered_amount", "mpt_issuance_id", "nftoken_id", "nftoken_ids", "offer_id"}


@dataclass
class Truth:
    """The content of a recording: by ledger, in order."""

    headers: dict[int, dict[str, Any]] = field(default_factory=dict)
    hashes: dict[int, list[str]] = field(default_factory=dict)
    books: dict[tuple[int, str, str, str], list[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Truth:
        """Read a recording's binary ledgers and its book offers."""
        truth = cls()
        for line in _lines(folder / "ledger_v2_binary.jsonl.gz"):
            result = line["response"]["result"]
            rows = result["ledger"]["transactions"]
            header = _header(bytes.fromhex(result["ledger"]["ledger_data"]))
            index = header["ledger_index"]
            truth.headers[index] = {
                **header,
                "ledger_hash": result["ledger_hash"],
                "transaction_count": len(rows),
            }
            ordered = sorted(rows, key=lambda row: _index(row["meta_blob"]))
            truth.hashes[index] = [row["hash"] for row in ordered]
        for line in _lines(folder / "book_offers_v2.jsonl.gz"):
            request, result = line["request"], line["response"]["result"]
            key = _book(request["ledger_index"], request)
            truth.books[key] = result["offers"]
        return truth

    def check(self, out: Path, first: int, last: int, *, books: bool = True) -> None:
        """Assert that the files in `out` hold ledgers `first` to `last`, once, in order."""
        self.check_rows(
            {name: list(read_jsonl(out / f"{name}.jsonl")) for name in self._names(books)},
            first,
            last,
            books=books,
        )

    def check_rows(
        self, rows: dict[str, list[Any]], first: int, last: int, *, books: bool = True
    ) -> None:
        """The same of records that were read elsewhere."""
        wanted = range(first, last + 1)
        assert [row["ledger_index"] for row in rows["ledgers"]] == list(wanted)
        for row in rows["ledgers"]:
            expected = self.headers[row["ledger_index"]]
            assert {name: row[name] for name in expected} == expected
        found = [(row["ledger_index"], row["hash"]) for row in rows["transactions"]]
        assert found == [(index, one) for index in wanted for one in self.hashes[index]]
        for row in rows["transactions"]:
            assert row["ledger_hash"] == self.headers[row["ledger_index"]]["ledger_hash"]
        if books:
            self._check_books(rows["book_offers"], wanted)

    def _check_books(self, rows: list[Any], wanted: range) -> None:
        keys = [_book(row["ledger_index"], row) for row in rows]
        assert len(keys) == len(set(keys))
        recorded = {key for key in self.books if key[0] in wanted}
        assert recorded <= set(keys)
        # The recording did not ask again for the open book that a hybrid offer left.
        assert len(set(keys) - recorded) <= 0.05 * len(keys)
        assert [key[0] for key in keys] == sorted(key[0] for key in keys)
        for key, row in zip(keys, rows, strict=True):
            if key in recorded:
                assert row["offers"] == [_offer(each) for each in self.books[key]]
            assert row["ledger_hash"] == self.headers[row["ledger_index"]]["ledger_hash"]

    @staticmethod
    def _names(books: bool) -> tuple[str, ...]:
        return ("transactions", "ledgers", *(("book_offers",) if books else ()))


def read_jsonl(path: Path) -> Iterator[Any]:
    """The records of a file of JSON lines."""
    with path.open() as lines:
        for line in lines:
            yield json.loads(line)


def record_shape(value: Any, name: str = "") -> Any:
    """What a server printed, as a record holds it: amounts in one shape, no list in a list."""
    if name == "Paths":
        return [{"steps": [_without_type(step) for step in path]} for path in value]
    if isinstance(value, dict):
        if _is_amount(name):
            return {"currency": "", "issuer": "", **value}
        return {key: record_shape(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [record_shape(each) for each in value]
    if isinstance(value, str) and _is_amount(name):
        return {"currency": "XRP", "issuer": "", "value": value}
    return value


def _is_amount(name: str) -> bool:
    try:
        return bool(definitions.get_field_type_name(name) == "Amount")
    except KeyError:
        return False


def _without_type(step: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if not name.startswith("type")}


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path) as lines:
        yield from map(json.loads, lines)


def _index(meta_blob: str) -> int:
    """`TransactionIndex`, with which metadata begins: type 2, field 28."""
    assert meta_blob.startswith("201C")
    return int(meta_blob[4:12], 16)


# https://xrpl.org/docs/references/protocol/ledger-data/ledger-header
def _header(data: bytes) -> dict[str, Any]:
    assert len(data) == 118

    def number(start: int, size: int) -> int:
        return int.from_bytes(data[start : start + size], "big")

    return {
        "ledger_index": number(0, 4),
        "total_coins": str(number(4, 8)),
        "parent_hash": data[12:44].hex().upper(),
        "transaction_hash": data[44:76].hex().upper(),
        "account_hash": data[76:108].hex().upper(),
        "parent_close_time": number(108, 4),
        "close_time": number(112, 4),
        "close_time_resolution": number(116, 1),
        "close_flags": number(117, 1),
    }


def _book(index: int, book: Any) -> tuple[int, str, str, str]:
    return index, _asset(book["taker_gets"]), _asset(book["taker_pays"]), book.get("domain", "")


def _asset(asset: Any) -> str:
    if asset.get("mpt_issuance_id"):
        return str(asset["mpt_issuance_id"])
    return f"{asset['currency']}/{asset.get('issuer', '')}"


def _offer(offer: Any) -> Any:
    amounts = ("TakerGets", "TakerPays", "taker_gets_funded", "taker_pays_funded")
    return {name: _amount(each) if name in amounts else each for name, each in offer.items()}


def _amount(amount: Any) -> Any:
    if isinstance(amount, str):
        return {"currency": "XRP", "issuer": "", "value": amount}
    return {"currency": "", "issuer": "", **amount}
