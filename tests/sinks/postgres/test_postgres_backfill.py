"""A backfill goes into the tables that a daemon is writing, and nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from ekspiper.core import Collector
from ekspiper.sinks.postgres import Postgres, read_records
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.schema import schema_for
from ekspiper.xrpl.sources import LedgerRange


async def test_a_backfill_into_the_tables_that_a_daemon_is_writing(
    database: Any, tmp_path: Path
) -> None:
    """The command, beside two writers that hold the tables and have some of the ledgers."""
    (tmp_path / "c.toml").write_text(
        'network = "sample"\nstate = "state"\n'
        + "".join(
            f'[collectors.{records}]\ntype = "postgres"\ndsn = {{ env = "DSN" }}\n'
            f'table = "{records}"\nkey = ["{key}"]\nrecords = ["{records}"]\n'
            for records, key in (("transactions", "hash"), ("ledgers", "ledger_index"))
        )
    )
    command = [sys.executable, "-m", "ekspiper.xrpl", "backfill", "478:497", "--config", "c.toml"]
    own = [
        Postgres(database.dsn, table=records, key=[key], schema=schema_for(Postgres, records))
        for records, key in (("transactions", "hash"), ("ledgers", "ledger_index"))
    ]
    async with open_network("sample") as network, own[0], own[1]:
        for collector in own:
            await collector.restore(None)
        await ledger_pipeline(
            LedgerRange(network.pool, ["488:503"]),
            fetch_ledger=FetchLedger(network.pool),
            pool=network.pool,
            collectors={"transactions": [_Left(own[0])], "ledgers": [_Left(own[1])]},
            books=False,
        ).run()
        for collector in own:
            await collector.snapshot(503)
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                *command, cwd=tmp_path, env={**os.environ, "DSN": database.dsn}
            )
            assert await process.wait() == 0
    stored = [record["ledger_index"] for record in read_records(database.dsn, "ledgers")]
    assert sorted(stored) == list(range(478, 504))
    hashes = [record["hash"] for record in read_records(database.dsn, "transactions")]
    assert len(hashes) == len(set(hashes)) > 100


class _Left(Collector[Any]):
    """Hands batches on to a collector that stays open."""

    def __init__(self, inner: Postgres) -> None:
        self._inner = inner

    async def collect(self, batch: Any) -> None:
        await self._inner.collect(batch)
