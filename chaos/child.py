"""The program that is killed: three flows into a file. `python -m chaos.child DIR ...`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ekspiper.core import (
    BatchPolicy,
    Collector,
    CommitPolicy,
    FileCheckpoint,
    Flow,
    LineBlock,
    PassThrough,
    Pipeline,
    Processor,
    Queue,
    Step,
)
from ekspiper.core.testing import ListSource
from ekspiper.sinks.jsonl import JsonLines

COMMIT = CommitPolicy(items=500, seconds=0.05)
BATCH = BatchPolicy(count=20, period=0.01)
ROOM = 50


class PlainFile(Collector[Any]):
    """Appends lines and remembers nothing: at least once, and no more."""

    batch_policy = BATCH

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    async def open(self) -> None:
        """Open the file, and end a line that was torn."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._file = os.open(self._path, flags, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    async def collect(self, batch: Sequence[Any]) -> None:
        """Write the lines in one call."""
        os.write(self._file, "".join(json.dumps(record) + "\n" for record in batch).encode())


class Dawdle(Processor[Any, Any]):
    """Takes a while, as a request over a network does; longer for some than for others."""

    async def process(self, item: int) -> Sequence[Any]:
        await asyncio.sleep(random.expovariate(1000))
        return (record_of(item),)


class Together(Processor[Any, Any]):
    """Numbers that come together become lines in one piece; a few of them one by one, as records."""

    takes_blocks = False

    async def process(self, item: range) -> Sequence[Any]:
        return [record_of(number) for number in item]

    def to_block(self, item: range) -> LineBlock | None:
        if any(number % 97 == 0 for number in item):
            return None
        lines = [json.dumps(record_of(number)).encode() + b"\n" for number in item]
        return LineBlock(b"".join(lines), len(lines))


class DawdleTogether(Dawdle):
    """Takes a while for all that come together."""

    async def process(self, item: Any) -> Sequence[Any]:
        await super().process(item[0])
        return (item,)


def record_of(number: int) -> dict[str, Any]:
    """What is kept of a number."""
    return {"n": number, "text": "x" * (number % 100)}


def pipeline(path: Path, *, sink: str, count: int, concurrency: int, ordered: bool) -> Pipeline:
    """Three flows in a row, and the second one is slow."""
    collector: Collector[Any] = PlainFile(path) if sink == "plain" else JsonLines(path)
    numbers: Sequence[Any] = range(count)
    work: Dawdle = Dawdle()
    write: Processor[Any, Any] = PassThrough()
    if sink == "block":
        numbers = [range(first, min(first + 7, count)) for first in range(0, count, 7)]
        work, write = DawdleTogether(), Together()
    first, second = Queue("first", max_items=ROOM), Queue("second", max_items=ROOM)
    options: dict[str, Any] = {"concurrency": concurrency, "ordered": ordered}
    return Pipeline(
        Flow(
            "read",
            source=ListSource(numbers),
            steps=(Step(PassThrough(), collectors=(first,)),),
        ),
        Flow("work", source=first, steps=(Step(work, collectors=(second,), **options),)),
        Flow("write", source=second, steps=(Step(write, collectors=(collector,)),)),
    )


def main() -> None:
    """Run until the source has ended; say so by the exit code 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--unordered", action="store_true")
    options = parser.parse_args()
    made = pipeline(
        options.folder / "records.jsonl",
        sink=options.sink,
        count=options.count,
        concurrency=options.concurrency,
        ordered=not options.unordered,
    )
    asyncio.run(made.run(checkpoint=FileCheckpoint(options.folder / "state.json"), commit=COMMIT))


if __name__ == "__main__":
    main()
