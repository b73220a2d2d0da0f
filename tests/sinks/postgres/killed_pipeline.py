"""A pipeline into PostgreSQL that may kill itself: `killed_pipeline.py DSN FOLDER OPTIONS`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ekspiper.core import FileCheckpoint
from ekspiper.sinks.postgres import Postgres
from ekspiper.sinks.postgres._session import Session
from tests.sinks.killed import die_at, run


async def main(dsn: str, folder: str, options: dict[str, Any]) -> None:
    """Run to the end, or die."""
    if die := options.get("die"):
        place, number = die
        die_at(FileCheckpoint if place == "save" else Session, place, number)
    await run(Postgres(dsn, table="records", **options["sink"]), folder, options)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
