"""A range of anything, cut into chunks that Dask workers read, and that land whole.

Here the source is the squares of a range. Run it twice: the second run finds everything there.
Needs Dask: pip install ekspiper-core distributed
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ekspiper.core import Collector, Flow, Pipeline, Step, processor
from ekspiper.core.chunks import Chunk, ChunkRun, FolderStore, Staged, cut


@processor
def square(number: int) -> Iterator[dict[str, int]]:
    yield {"number": number, "square": number**2}


class Lines(Collector[dict[str, int]]):
    """A file of JSON lines. It is written aside, so it needs no checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def collect(self, batch: Sequence[dict[str, int]]) -> None:
        with self.path.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in batch)


@dataclass
class Squares:
    """The task of one chunk: your own source, made for a part of its range, and your pipeline."""

    store: FolderStore

    def __call__(self, chunk: Chunk) -> Staged | None:
        with self.store.aside(chunk) as aside:
            numbers = range(chunk.first, chunk.last + 1)
            lines = Lines(aside.folder / "squares.jsonl")
            flow = Flow("squares", source=numbers, steps=(Step(square, collectors=(lines,)),))
            asyncio.run(Pipeline(flow).run())
        return aside.staged


async def main(folder: Path, last: int = 9_999) -> None:
    from distributed import Client, LocalCluster

    store = FolderStore(folder, ["squares.jsonl"], partition=10_000)
    with (
        store.locked(),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        store.repair()
        there = set(store.chunks())
        missing = [chunk for chunk in cut([(0, last)], 1_000) if chunk not in there]
        print(f"{len(there)} chunks are there, {len(missing)} are missing")
        run = ChunkRun(Squares(store), missing, client.get_executor(pure=False), at_once=2)
        async for outcome in run.outcomes():
            if outcome.result is None:
                print(f"{outcome.chunk} failed: {outcome.error}")
            else:
                store.publish(outcome.result)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
