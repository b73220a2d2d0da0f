"""Recorded ledgers, parsed once for all tests."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.verify import parse_ledger

Lines = Callable[[str], Iterator[dict[str, Any]]]


@pytest.fixture(scope="session")
def recorded_lines(shared_data: Path) -> Lines:
    """The lines of a file of the recording, by its name."""

    def lines(name: str) -> Iterator[dict[str, Any]]:
        with gzip.open(shared_data / "recording" / name) as file:
            yield from (orjson.loads(line) for line in file if line.strip())

    return lines


@pytest.fixture(scope="session")
def recorded_ledgers(recorded_lines: Lines) -> list[Ledger]:
    """The 300 ledgers of the recording."""
    return [
        parse_ledger(line["response"]["result"], network_id=0)
        for line in recorded_lines("ledger_v2_binary.jsonl.gz")
    ]


@pytest.fixture(scope="session")
def recorded_transactions(recorded_ledgers: list[Ledger]) -> list[Transaction]:
    """The 7,829 transactions of the recording, in order."""
    return [transaction for ledger in recorded_ledgers for transaction in ledger.transactions]
