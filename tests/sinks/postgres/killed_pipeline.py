"""A pipeline into PostgreSQL that may kill itself: `killed_pipeline.py DSN FOLDER OPTIONS`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
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
from ekspiper.sinks.postgres import Postgres
from ekspiper.sinks.postgres._session import Session


def records_of(item: int) -> Iterator[dict[str, Any]]:
    """None, one or two records of an item."""
    for part in range(item % 3):
        yield {"n": item, "hash": f"{item}-{part}", "text": "x" * 50}


def die_at(owner: Any, name: str, number: int) -> None:
    """SIGKILL this process when a method has returned for the `number`th time."""
    method: Callable[..., Any] = getattr(owner, name)
    calls = 0

    async def dying(*arguments: Any) -> Any:
        nonlocal calls
        result = await method(*arguments)
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


async def main(dsn: str, folder: str, options: dict[str, Any]) -> None:
    """Run to the end, or die."""
    if die := options.get("die"):
        place, number = die
        owner: Any = FileCheckpoint if place == "save" else Session
        die_at(owner, place, number)
    sink = Postgres(dsn, table="records", **options["sink"])
    policy = BatchPolicy(count=100, period=0.01)
    step = Step(records_of, collectors=(Delivery(sink, policy),))
    source = ListSource(range(options["count"]), polite=True)
    checkpoint = FileCheckpoint(f"{folder}/checkpoint") if options["checkpoint"] else None
    await Pipeline(Flow("f", source=source, steps=(step,))).run(
        checkpoint=checkpoint, commit=CommitPolicy(items=200, seconds=10)
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
