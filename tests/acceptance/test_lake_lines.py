"""Transactions reach the tables of a lake from their lines, without becoming objects."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from ekspiper.core import JsonLine, registry
from ekspiper.xrpl.codec import Decoder, implementation
from ekspiper.xrpl.processors import TransactionEtl
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.schema import schema_for
from ekspiper.xrpl.verify import parse_ledger

pytestmark = pytest.mark.skipif(
    implementation() != "compiled", reason="the compiled codec is not built: hatch run dev:codec"
)


async def lines() -> list[JsonLine]:
    """The transactions of a few ledgers of the sample network."""
    decoder, etl, found = Decoder(shape="record"), TransactionEtl(), []
    with gzip.open(Path(SAMPLE) / "ledger_v2_binary.jsonl.gz") as answers:
        for answer, _ in zip(answers, range(40), strict=False):
            ledger = parse_ledger(orjson.loads(answer)["response"]["result"], decoder=decoder)
            for transaction in ledger.transactions:
                found += [
                    each
                    for each in await etl.process_to_lines(transaction)
                    if isinstance(each, JsonLine)
                ]
    return found


@pytest.mark.parametrize("kind", ["delta", "iceberg"])
async def test_transactions_are_not_parsed(kind: str, tmp_path: Path) -> None:
    collector = registry.load("collectors", kind)
    options = {"delta": {"path": str(tmp_path)}, "iceberg": {"table": "a.b", "warehouse": tmp_path}}
    batch = await lines()
    assert len(batch) > 200
    schema = schema_for(collector, "transactions")
    async with collector(**options[kind], schema=schema) as sink:
        await sink.restore(None)
        await sink.collect(batch)
        await sink.snapshot(1)
    parsed = sum(each._value is not None for each in batch)
    assert parsed < len(batch) // 20
    read = {
        "delta": lambda: collector.read_records(str(tmp_path)),
        "iceberg": lambda: collector.read_records("a.b", warehouse=str(tmp_path)),
    }
    assert list(read[kind]()) == [orjson.loads(each.line) for each in batch]
