"""The transactions of the sample in PostgreSQL are those of the JSON lines, whatever is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from ekspiper.sinks.postgres import read_records
from tests.sinks.killed import ROOT

PROGRAM = "tests.sinks.postgres.ledgers_into_postgres"


def test_every_field_of_every_transaction(database: Any, tmp_path: Path) -> None:
    program = [sys.executable, "-m", PROGRAM, database.dsn, str(tmp_path)]
    for die in (4, 7):
        assert (
            subprocess.run([*program, str(die)], cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
        )
    assert subprocess.run([*program, "0"], cwd=ROOT, timeout=60).returncode == 0
    for records, count in (("transactions", 2_793), ("ledgers", 120)):
        lines = (tmp_path / f"{records}.jsonl").read_bytes().splitlines()
        found = list(read_records(database.dsn, records))
        assert len(found) == count
        assert found == [orjson.loads(line) for line in lines]
    [(typed,)] = database.execute(
        """SELECT count(*) FROM transactions WHERE "Account" LIKE 'r%' AND "Fee"->>'value' <> ''
        AND close_time_iso > '2000-01-01' AND ctid_ IS NOT NULL AND jsonb_typeof(meta) = 'object'"""
    )
    assert typed == 2_793
    # The sample's server calls one field otherwise than the bundled definitions do.
    untyped = database.execute("SELECT DISTINCT jsonb_object_keys(_rest) FROM transactions")
    assert untyped == [("MutableFlags",)], "the schema knows every other field"
