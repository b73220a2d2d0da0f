"""Pipelines that kill themselves at a given place: what the programs and the tests of all sinks share."""

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

__all__ = ["command", "die_at", "hashes_of", "run"]

ROOT = Path(__file__).parents[2]


def records_of(item: int) -> Iterator[dict[str, Any]]:
    """None, one or two records of an item."""
    for part in range(item % 3):
        yield {"ledger_index": item, "hash": f"{item}-{part}", "text": "x" * 50}


def hashes_of(count: int) -> list[str]:
    """The `hash` of every record of `count` items."""
    return [record["hash"] for item in range(count) for record in records_of(item)]


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


async def run(sink: Any, folder: str, options: dict[str, Any]) -> None:
    """Send `count` items to a sink, to the end or until the process dies."""
    step = Step(records_of, collectors=(Delivery(sink, BatchPolicy(count=100, period=0.01)),))
    source = ListSource(range(options["count"]), polite=True)
    checkpoint = FileCheckpoint(f"{folder}/checkpoint") if options["checkpoint"] else None
    await Pipeline(Flow("f", source=source, steps=(step,))).run(
        checkpoint=checkpoint, commit=CommitPolicy(items=options["commit_items"], seconds=10)
    )


def command(program: str, *where: str, **options: Any) -> list[str]:
    """How a program beside the tests is started, from the root of the repository."""
    return [sys.executable, "-m", f"tests.sinks.{program}", *where, json.dumps(options)]
