"""What of a long chain has arrived in a sink: what is missing, and what came more than once."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from benchmarks.long_chain import chain

from .looped import repeated_ledgers
from .truth import read_truth

__all__ = ["KINDS", "Tally"]

KINDS = ("ledgers", "transactions", "book_offers", "amms")


class Tally:
    """Counts the records of a chain of `count` ledgers; one bit for each, so that it stays small."""

    def __init__(self, folder: Path, count: int, most: int) -> None:
        recorded = repeated_ledgers(folder, most)
        truth = read_truth(folder)
        self.first = truth.indexes[-1] + 1
        ledgers = itertools.islice(chain(recorded, first=self.first), count)
        self._hashes = [ledger.ledger_hash for ledger in ledgers]
        # Of each recorded ledger the place of each transaction, and how many sides of books it has.
        self._places = [
            {hash_: place for place, hash_ in enumerate(sorted(truth.transactions[index]))}
            for index in (each.ledger_index for each in recorded)
        ]
        self._books = [truth.books[each.ledger_index] for each in recorded]
        self._names: dict[bytes, int] = {}
        self._seen: dict[str, list[int]] = {records: [0] * count for records in KINDS}
        self.again: Counter[str] = Counter()
        """How many records came although they had come before, of each kind."""
        self.wrong: Counter[str] = Counter()
        """How many records are not of this chain."""
        self.behind: Counter[str] = Counter()
        """How many records came after one of a later ledger."""
        self._newest: Counter[str] = Counter()

    def add(self, records: str, record: dict[str, Any]) -> None:
        """Count one record."""
        number = record["ledger_index"] - self.first
        place = self._place(records, number, record)
        if place is None:
            self.wrong[records] += 1
            return
        seen = self._seen[records]
        if seen[number] >> place & 1:
            self.again[records] += 1
        seen[number] |= 1 << place
        if number < self._newest[records]:
            self.behind[records] += 1
        else:
            self._newest[records] = number

    def missing(self) -> Counter[str]:
        """How many records have not come."""
        found: Counter[str] = Counter()
        for records, wanted in (
            ("ledgers", [1]),
            ("transactions", [len(places) for places in self._places]),
            ("book_offers", self._books),
            ("amms", self._pools()),
        ):
            for seen, expected in zip(self._seen[records], itertools.cycle(wanted), strict=False):
                found[records] += expected - seen.bit_count()
        return +found

    def total(self, records: str) -> int:
        """How many different records have come."""
        return sum(seen.bit_count() for seen in self._seen[records])

    def _place(self, records: str, number: int, record: dict[str, Any]) -> int | None:
        if not 0 <= number < len(self._hashes) or record["ledger_hash"] != self._hashes[number]:
            return None
        if records == "ledgers":
            return 0
        if records == "transactions":
            return self._places[number % len(self._places)].get(record["hash"])
        # In the order in which they are first seen, so that the bits stay few.
        names = [record.get(name) for name in ("taker_gets", "taker_pays", "domain", "account")]
        name = orjson.dumps(names, option=orjson.OPT_SORT_KEYS)
        return self._names.setdefault(name, len(self._names))

    def _pools(self) -> list[int]:
        """How many pools each recorded ledger touches: as many as when it came again.

        The recording does not say it: a pool is recorded from metadata where nobody asked for it.
        """
        length = len(self._places)
        seen = self._seen["amms"]
        again = seen[length : 2 * length] if len(seen) >= 2 * length else seen[:length]
        return [each.bit_count() for each in again]
