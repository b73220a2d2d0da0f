"""A ledger that becomes lines in one piece gives the same files, counts and letters as record by record."""

from __future__ import annotations

import gzip
import random
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.core import PassThrough, Report
from ekspiper.core.testing import RecordingCollector
from ekspiper.sinks.jsonl import JsonLines
from ekspiper.xrpl.codec import Definitions, TransactionBlobs, implementation
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import LedgerTransactions, TransactionEtl
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.verify import parse_ledger

from ..codec.one_codec import mutated

pytestmark = pytest.mark.skipif(
    implementation() != "compiled", reason="the compiled codec is not built: hatch run dev:codec"
)


class OneByOne(JsonLines):
    """The same files, from single lines."""

    takes_blocks = False


class Counting(TransactionEtl):
    """Counts the ledgers that became a block."""

    blocks = 0

    def to_block(self, item: Any) -> Any:
        made = super().to_block(item)
        self.blocks += made is not None
        return made


@pytest.fixture
def ledgers() -> list[Ledger]:
    with gzip.open(Path(SAMPLE) / "ledger_v2_binary.jsonl.gz") as lines:
        answers = [orjson.loads(line)["response"]["result"] for line in lines]
    return [parse_ledger(answer, network_id=21_338) for answer in answers]


def altered(ledger: Ledger, chance: random.Random) -> Ledger:
    """The ledger with other bytes in one of its transactions, as if they had been proven."""
    assert ledger.blobs is not None
    rows = [list(row) for row in ledger.blobs]
    if rows:
        row, part = chance.randrange(len(rows)), chance.choice((1, 2))
        rows[row][part] = mutated(rows[row][part], chance)
    data, spans = bytearray(), array("I")
    for _, *blobs in rows:
        for blob in blobs:
            spans.extend((len(data), len(blob)))
            data += blob
    ids = b"".join(row[0] for row in rows)
    return renewed(ledger, TransactionBlobs(bytes(data), spans.tobytes(), ids))


def renewed(ledger: Ledger, blobs: TransactionBlobs | None) -> Ledger:
    """The ledger with these blobs, of which no objects have been made yet."""
    assert blobs is not None
    assert ledger._decoder is not None
    return Ledger.of_blobs(
        ledger.header,
        ledger_hash=ledger.ledger_hash,
        blobs=blobs,
        decoder=ledger._decoder,
        network_id=ledger.network_id,
    )


async def outcome(
    ledgers: Sequence[Ledger], path: Path, kind: type[JsonLines], etl: TransactionEtl
) -> tuple[bytes, list[Any], Report]:
    letters = RecordingCollector()
    pipeline = ledger_pipeline(
        list(ledgers),
        fetch_ledger=PassThrough(),
        pool=None,  # type: ignore[arg-type]  # no order books are asked for
        collectors={"transactions": [kind(path)]},
        etl=etl,
        books=False,
    )
    report = await pipeline.run(dead_letters=letters)
    about = [{**letter, "time": None} for letter in letters.items]
    return read(path), about, report


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


async def test_the_sample_goes_in_one_piece(ledgers: list[Ledger], tmp_path: Path) -> None:
    etl = Counting()
    together = await outcome(ledgers, tmp_path / "together", JsonLines, etl)
    assert all(ledger._transactions is None for ledger in ledgers), "no objects are made"
    alone = await outcome(ledgers, tmp_path / "alone", OneByOne, TransactionEtl())
    assert together[0] == alone[0]
    assert etl.blocks == sum(ledger.transaction_count > 0 for ledger in ledgers)
    count = sum(ledger.transaction_count for ledger in ledgers)
    assert etl.report().records == count
    for report in (together[2], alone[2]):
        step = report.steps["transaction-record/etl"]
        assert step.items_in == step.items_out == count
        assert report.steps["ledger-record/ledger-to-transactions"].items_out == count
        assert [each.items for each in report.collectors.values()] == [count]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_what_is_unusual_is_kept_counted_and_refused_record_by_record(
    ledgers: list[Ledger], tmp_path: Path, seed: int, strict: bool
) -> None:
    chance = random.Random(seed)
    some = [altered(each, chance) if chance.random() < 0.7 else each for each in ledgers[:60]]
    etl, other = Counting(strict=strict), TransactionEtl(strict=strict)
    lines, letters, report = await outcome(some, tmp_path / "together", JsonLines, etl)
    expected = await outcome(
        [renewed(each, each.blobs) for each in some], tmp_path / "alone", OneByOne, other
    )
    assert lines == expected[0]
    assert [{**each, "collector": None} for each in letters] == [
        {**each, "collector": None} for each in expected[1]
    ]
    assert letters
    assert 0 < etl.blocks < len(some)
    assert etl.report() == other.report()
    assert report.sources == expected[2].sources
    assert report.steps == expected[2].steps


def test_a_schema_of_other_definitions_goes_record_by_record(ledgers: list[Ledger]) -> None:
    block = next(LedgerTransactions(each) for each in ledgers if each.transaction_count)
    assert TransactionEtl().to_block(block) is not None
    other = Definitions.from_server(Definitions.bundled().to_json())
    assert TransactionEtl(other).to_block(block) is None
    assert TransactionEtl().to_block({"hash": "AB"}) is None
