"""The sample's ledgers into PostgreSQL and JSON lines: `ledgers_into_postgres.py DSN FOLDER DIE`.

DIE is the number of commits after which the process kills itself; 0 for none.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from ekspiper.core import CommitPolicy, FileCheckpoint
from ekspiper.sinks.jsonl import JsonLines
from ekspiper.sinks.postgres import Postgres
from ekspiper.sinks.postgres._session import Session
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.schema import schema_for
from ekspiper.xrpl.sources import LedgerRange
from tests.sinks.killed import die_at


async def main(dsn: str, folder: Path, die: int) -> None:
    """Run to the end, or die."""
    die_at(Session, "commit", die)
    async with open_network("sample") as network:
        collectors: dict[str, list[Any]] = {
            records: [
                Postgres(dsn, table=records, schema=schema_for(Postgres, records)),
                JsonLines(folder / f"{records}.jsonl"),
            ]
            for records in ("transactions", "ledgers")
        }
        pipeline = ledger_pipeline(
            LedgerRange(network.pool, [f"{network.first}:{network.last}"]),
            fetch_ledger=FetchLedger(network.pool, definitions=network.definitions),
            pool=network.pool,
            collectors=collectors,
            books=False,
        )
        await pipeline.run(
            checkpoint=FileCheckpoint(folder / "checkpoint"),
            commit=CommitPolicy(items=20, seconds=10),
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
