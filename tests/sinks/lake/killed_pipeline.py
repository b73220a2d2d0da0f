"""A pipeline into a lake that may kill itself: `killed_pipeline.py KIND FOLDER OPTIONS`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ekspiper.core import (
    BatchPolicy,
    CommitPolicy,
    Delivery,
    FileCheckpoint,
    Flow,
    Pipeline,
    Step,
)
from ekspiper.core.testing import ListSource
from ekspiper.sinks.delta import Delta
from ekspiper.sinks.iceberg import Iceberg


def records_of(item: int) -> Iterator[dict[str, Any]]:
    """None, one or two records of an item."""
    for part in range(item % 3):
        yield {"ledger_index": item, "hash": f"{item}-{part}", "text": "x" * 50}


def die_at(owner: Any, name: str, number: int, *, before: bool = False) -> None:
    """SIGKILL this process around the `number`th call of a method: after it, or before."""
    method: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(*arguments: Any, **options: Any) -> Any:
        if before:
            count()
        result = method(*arguments, **options)
        if not before:
            count()
        return result

    async def dying_later(*arguments: Any, **options: Any) -> Any:
        result = await method(*arguments, **options)
        count()
        return result

    setattr(owner, name, dying_later if asyncio.iscoroutinefunction(method) else dying)


async def main(kind: str, folder: str, options: dict[str, Any]) -> None:
    """Run to the end, or die."""
    if kind == "iceberg":
        sink: Any = Iceberg("lake.records", warehouse=folder, **options["sink"])
    else:
        sink = Delta(str(Path(folder, "records")), **options["sink"])
    if die := options.get("die"):
        place, number = die
        if place == "save":
            die_at(FileCheckpoint, "save", number)
        else:
            die_at(sink._table, "commit", number, before=place == "commit")
    step = Step(records_of, collectors=(Delivery(sink, BatchPolicy(count=100, period=0.01)),))
    source = ListSource(range(options["count"]), polite=True)
    checkpoint = FileCheckpoint(f"{folder}/checkpoint") if options["checkpoint"] else None
    await Pipeline(Flow("f", source=source, steps=(step,))).run(
        checkpoint=checkpoint, commit=CommitPolicy(items=options["commit_items"], seconds=10)
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
