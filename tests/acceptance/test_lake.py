"""The daemon keeps every record once in Iceberg and Delta Lake, however often it is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ekspiper.sinks.delta import Delta
from ekspiper.sinks.iceberg import Iceberg

from .conftest import FIRST, Closing, Start
from .truth import Truth, read_jsonl

UNTIL = 460
CONFIG = """
network_name = "sample"
[pipeline]
commit_seconds = 0.5

[collectors.files]
type = "jsonl"
path = "files/{records}.jsonl"

[collectors.iceberg]
type = "iceberg"
warehouse = "iceberg"
table = "{network}.{records}"
partition_ledgers = 16

[collectors.delta]
type = "delta"
path = "delta/{records}"
partition_ledgers = 16
"""
KINDS = ("transactions", "ledgers", "book_offers", "amms")


@pytest.mark.timeout(180)
def test_every_record_once_however_often_it_is_killed(
    start: Start, closing: Closing, tmp_path: Path, sample: Truth
) -> None:
    (tmp_path / "ekspiper.toml").write_text(CONFIG)
    command = ("daemon", "--network", closing.url, "--config", "ekspiper.toml", "--from", FIRST)
    for first, second in ((FIRST + 9, FIRST + 14), (FIRST + 20, FIRST + 29)):
        running = start(*command, "--http", "off")
        before = commits(tmp_path)
        closing.close(first)
        running.wait_until(partial(has_more, tmp_path, before), "a commit")
        closing.close(second)  # more is on its way when it is killed
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    closing.close(UNTIL)
    last = start(*command, "--http", "off", "--until", UNTIL)
    assert last.process.wait(90) == 0, last.said()
    lakes = {
        "iceberg": lambda kind: list(
            Iceberg.read_records(f"sample.{kind}", warehouse=str(tmp_path / "iceberg"))
        ),
        "delta": lambda kind: list(Delta.read_records(str(tmp_path / "delta" / kind))),
    }
    files = {kind: list(read_jsonl(tmp_path / "files" / f"{kind}.jsonl")) for kind in KINDS}
    sample.check_rows({kind: files[kind] for kind in KINDS[:3]}, FIRST, UNTIL)
    for name, read in lakes.items():
        for kind in KINDS:
            assert read(kind) == files[kind], (name, kind)
    check_types(tmp_path, files["transactions"])


def commits(folder: Path) -> int:
    """Commits of transactions to the Delta table: the Iceberg one is about as far."""
    return len(list(folder.glob("delta/transactions/_delta_log/*.json")))


def has_more(folder: Path, before: int) -> bool:
    """Whether there was a commit of rows since: the very first makes the table."""
    return commits(folder) > max(before, 1)


def check_types(folder: Path, transactions: Sequence[Any]) -> None:
    """The tables have the types of our schema, and a folder for each range of ledgers."""
    import deltalake
    import pyarrow as pa

    table = deltalake.DeltaTable(str(folder / "delta" / "transactions"))
    rows = table.to_pyarrow_table()
    assert rows.schema.field("close_time_iso").type == pa.timestamp("us", tz="UTC")
    assert rows.schema.field("Sequence").type == pa.int64()
    assert len(rows) == len(transactions)
    # The schema knows every field, but the one for which the sample's server has another name.
    rest = [json.loads(each) for each in rows["_rest"].to_pylist() if each is not None]
    assert all(set(each) == {"/MutableFlags"} for each in rest), rest
    ranges = {file.parent.name for file in (folder / "delta" / "transactions").rglob("*.parquet")}
    assert ranges == {f"_ledgers={first}" for first in (416, 432, 448)}
    files = (folder / "iceberg").rglob("transactions/data/*/*.parquet")
    assert {file.parent.name for file in files} == {f"ledgers={first}" for first in (416, 432, 448)}
