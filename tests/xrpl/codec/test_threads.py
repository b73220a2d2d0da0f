"""The compiled codec in many threads at once: each gets what it would get alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.codec import Decoder, Definitions, _compiled_codec, line_reader, table_reader
from ekspiper.xrpl.derive import BALANCE_NODES, DELIVERING
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.schema import (
    DecodedRules,
    Formats,
    LineColumns,
    RecordLines,
    arrow_schema,
)

from .one_codec import blobs_of, ledgers_in

pytestmark = pytest.mark.skipif(
    _compiled_codec.compiled is None, reason="the compiled codec is not built: hatch run dev:codec"
)

ROOT = Path(__file__).resolve().parents[3]
ENABLED = "getattr(sys, '_is_gil_enabled', lambda: True)"
THREADS = 8
DEFINITIONS = Definitions.bundled()


@pytest.fixture(scope="module")
def ledgers() -> list[Ledger]:
    found = ledgers_in(Path(SAMPLE), Decoder(DEFINITIONS, shape="record"))
    return [ledger for ledger in found if ledger.transactions]


@pytest.fixture(autouse=True)
def _threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def new_lines() -> RecordLines:
    return RecordLines(DecodedRules(Formats(DEFINITIONS)))


def in_threads(work: Callable[[int], Any]) -> list[Any]:
    """What the work gives in each thread, all begun at the same time."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def test_threads_share_what_writes_lines(ledgers: list[Ledger]) -> None:
    blobs = [blobs_of(ledger.transactions) for ledger in ledgers]

    def lines_of(lines: RecordLines, order: list[int]) -> dict[int, Any]:
        return {at: lines.ledger(ledgers[at], 21_338, **blobs[at]) for at in order}

    places = list(range(len(ledgers)))
    alone = lines_of(new_lines(), places)
    shared = new_lines()
    found = in_threads(lambda number: lines_of(shared, places[number:] + places[:number]))
    assert found == [alone] * THREADS


def test_threads_share_a_decoder(ledgers: list[Ledger]) -> None:
    blobs = [each.meta_blob for each in _transactions(ledgers)[::20]]

    def read(decoder: Decoder, order: list[bytes]) -> list[Any]:
        return [
            (
                decoder.metadata(blob),
                decoder.metadata(blob, BALANCE_NODES),
                decoder.is_ordinary(blob),
            )
            for blob in order
        ]

    def shared(number: int) -> list[Any]:
        found = read(decoder, blobs[number:] + blobs[:number])
        return found[-number:] + found[:-number] if number else found

    alone = read(Decoder(DEFINITIONS, shape="record"), blobs)
    decoder = Decoder(DEFINITIONS, shape="record")
    assert in_threads(shared) == [alone] * THREADS


def test_threads_share_what_encodes_lines(ledgers: list[Ledger]) -> None:
    objects = [orjson.dumps(each.fields) for each in _transactions(ledgers)]
    reader = line_reader(DEFINITIONS, ())
    alone = [each.tx_blob for each in _transactions(ledgers)]
    found = in_threads(lambda number: [reader.object(each) for each in objects])
    assert found == [alone] * THREADS


def test_threads_share_what_makes_columns(ledgers: list[Ledger]) -> None:
    pytest.importorskip("pyarrow")
    lines = new_lines()
    made = [lines.transaction(each, 21_338) or b"" for each in _transactions(ledgers)]
    columns = LineColumns.of(arrow_schema(Formats(DEFINITIONS).transactions_table()))
    assert columns is not None
    parts = [made[number::THREADS] for number in range(THREADS)]
    alone = [columns.read(part) for part in parts]
    blocks = [columns.read_blocks([b"".join(part)]) for part in parts]
    for _ in range(3):
        assert in_threads(lambda number: columns.read(parts[number])) == alone
        assert in_threads(lambda number: columns.read_blocks([b"".join(parts[number])])) == blocks


def _transactions(ledgers: list[Ledger]) -> list[Transaction]:
    return [each for ledger in ledgers for each in ledger.transactions]


def test_threads_share_what_reads_for_tables(ledgers: list[Ledger]) -> None:
    reader = table_reader(
        DEFINITIONS,
        delivering=DELIVERING,
        currency=str,
        flags=lambda name, bits: f"{name} {bits}",
        liquidity=(),
        line_flag=0,
        token_flag=0,
    )
    parts = [tuple(blobs_of(ledger.transactions).values()) for ledger in ledgers]
    # Integers, floats, texts and categories, as in the table of balance changes.
    kinds = [0, 0, 0, 2, 3, 2, 1, 3, 2, 2, 2, 2]

    def read(_: int) -> list[Any]:
        found = []
        for blobs in parts:
            columns = reader.columns(kinds)
            done = reader.balance_changes(columns, blobs, 0, 5, 6, None)
            found.append((reader.totals(blobs), done, columns.take()))
        return found

    alone = read(0)
    assert in_threads(read) == [alone] * THREADS


def test_every_extension_runs_without_the_gil() -> None:
    """One that does not say so would turn the GIL on in a Python that has none."""
    sources = sorted(ROOT.glob("packages/*/src/**/*.pyx"))
    assert sources
    for source in sources:
        assert "# cython: freethreading_compatible=True\n" in source.read_text(), source
    program = f"import sys\nenabled = {ENABLED}\nbefore = enabled()\n"
    for source in sources:
        module = ".".join(source.relative_to(ROOT).with_suffix("").parts[3:])
        program += f"import {module}\nassert enabled() == before, {module!r}\n"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
