"""A pipeline into a lake that may kill itself: `killed_pipeline.py KIND FOLDER OPTIONS`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from ekspiper.core import FileCheckpoint
from tests.sinks.killed import die_at, run

from .lakes import make


async def main(kind: Any, folder: str, options: dict[str, Any]) -> None:
    """Run to the end, or die."""
    sink: Any = make(kind, Path(folder), **options["sink"])
    if die := options.get("die"):
        place, number = die
        if place == "save":
            die_at(FileCheckpoint, "save", number)
        else:
            die_at(sink._table, "commit", number, before=place == "commit")
    await run(sink, folder, options)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
