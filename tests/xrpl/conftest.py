"""Recorded ledgers, parsed once for all tests; and both codecs, for tests that run on each."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.codec import _compiled_codec
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.replay import Recording
from ekspiper.xrpl.verify import parse_ledger

Lines = Callable[[str], Iterator[dict[str, Any]]]


@pytest.fixture(params=["pure Python", "compiled"])
def either_codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs twice: with the codec in Python alone, and with the compiled one before it."""
    if request.param == "pure Python":
        monkeypatch.setattr(_compiled_codec, "compiled", None)
        monkeypatch.setattr(_compiled_codec, "proof", None)
    elif _compiled_codec.compiled is None or _compiled_codec.proof is None:
        pytest.skip("the compiled codec is not built: hatch run dev:codec")


@pytest.fixture(scope="session")
def sample() -> Iterator[Recording]:
    """The recording that comes with the package: ledgers 421 to 540, and the state of the last."""
    with Recording.sample() as loaded:
        yield loaded


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
