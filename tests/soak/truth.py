"""What a recording really holds, read from its lines alone, and whether files say the same."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.codec import LedgerHeader

__all__ = ["Truth", "differences", "read_truth"]

_LEDGERS = "ledger_v2_binary.jsonl.gz"
_BOOKS = "book_offers_v2.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Truth:
    """A recording's ledgers in order with their hashes, its transactions, and its books.

    Attributes:
        indexes, hashes: of the ledgers, in order.
        transactions: the hashes of each ledger's transactions.
        books: how many sides of books were asked for at each ledger.
        account_hash: of the last ledger, whose state the recording holds.
    """

    indexes: tuple[int, ...]
    hashes: tuple[str, ...]
    transactions: dict[int, frozenset[str]]
    books: Counter[int]
    account_hash: str


def read_truth(recording: Path) -> Truth:
    """Read a recording's lines, without any part of the client or the replay node."""
    results = [line["response"]["result"] for line in _lines(recording / _LEDGERS)]
    results.sort(key=lambda result: result["ledger_index"])
    header = LedgerHeader.from_bytes(bytes.fromhex(results[-1]["ledger"]["ledger_data"]))
    return Truth(
        indexes=tuple(result["ledger_index"] for result in results),
        hashes=tuple(result["ledger_hash"] for result in results),
        transactions={
            result["ledger_index"]: frozenset(t["hash"] for t in result["ledger"]["transactions"])
            for result in results
        },
        books=Counter(line["request"]["ledger_index"] for line in _lines(recording / _BOOKS)),
        account_hash=header.account_hash.hex().upper(),
    )


def differences(folder: Path, truth: Truth, *, books: bool) -> Iterator[str]:
    """Everything in which the files of a folder are not the recording: complete, in order, once."""
    ledgers = list(_lines(folder / "ledgers.jsonl"))
    if tuple(ledger["ledger_index"] for ledger in ledgers) != truth.indexes:
        yield "the ledgers are not all there, in order, once"
    if tuple(ledger["ledger_hash"] for ledger in ledgers) != truth.hashes:
        yield "ledgers have other hashes"
    yield from _transaction_differences(folder, truth)
    if books:
        yield from _book_differences(folder, truth)
    letters = folder / "dead_letters.jsonl"
    if letters.exists() and letters.stat().st_size:
        yield f"dead letters: {next(_lines(letters))['message']}"
    yield from audit(folder, deep=False).faults


def _transaction_differences(folder: Path, truth: Truth) -> Iterator[str]:
    order: list[tuple[int, int]] = []
    found: dict[int, list[str]] = {}
    for record in _lines(folder / "transactions.jsonl"):
        order.append((record["ledger_index"], record["meta"]["TransactionIndex"]))
        found.setdefault(record["ledger_index"], []).append(record["hash"])
    if order != sorted(set(order)):
        yield "the transactions are not in order, or not once"
    for index, hashes in truth.transactions.items():
        got = found.pop(index, [])
        if len(got) != len(hashes) or set(got) != hashes:
            yield f"ledger {index} has {len(got)} transactions of {len(hashes)}"
    if found:
        yield f"transactions of other ledgers: {sorted(found)}"


def _book_differences(folder: Path, truth: Truth) -> Iterator[str]:
    seen: Counter[Any] = Counter()
    for record in _lines(folder / "book_offers.jsonl"):
        side = orjson.dumps([record["taker_gets"], record["taker_pays"], record.get("domain")])
        seen[record["ledger_index"], side] += 1
    if any(times > 1 for times in seen.values()):
        yield "a side of a book was recorded twice at one ledger"
    asked = Counter(index for index, _ in seen)
    if asked != truth.books:
        yield f"books at ledgers {sorted((asked - truth.books) | (truth.books - asked))[:10]} differ"


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)
