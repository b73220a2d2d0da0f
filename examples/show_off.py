"""ekspiper in a minute: a pipeline that retries, keeps order, puts aside what fails, and resumes.

    python examples/show_off.py

The first run is killed halfway, as a machine may be. The second continues where the first stopped:
no number is lost and none is doubled. It needs ekspiper-core and ekspiper-sinks alone.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import tempfile
from pathlib import Path

from ekspiper.core import (
    FileCheckpoint,
    Flow,
    IterableSource,
    Permanent,
    Pipeline,
    Queue,
    Retryable,
    Step,
    processor,
)
from ekspiper.sinks.jsonl import JsonLines

NUMBERS = 2_000


@processor
async def ask_a_slow_server(number: int) -> dict[str, int]:
    """A request that takes a while, and often fails for the moment: it is tried again."""
    await asyncio.sleep(0.001 * random.random())
    if random.random() < 0.05:
        raise Retryable("the server is busy")
    return {"number": number, "square": number * number}


@processor
def refuse_unlucky_numbers(row: dict[str, int]) -> dict[str, int]:
    """An error that no retry repairs: the row goes to the dead letters, the others continue."""
    if row["number"] % 500 == 13:
        raise Permanent(f"{row['number']} is an unlucky number")
    return row


def pipeline(folder: Path) -> Pipeline:
    """Two flows with a bounded queue between them."""
    answers = Queue("answers", max_items=100)
    return Pipeline(
        Flow(
            "ask",
            # The name lets a checkpoint tell these items from others.
            source=IterableSource(range(NUMBERS), identity="the numbers"),
            steps=(Step(ask_a_slow_server, concurrency=50, collectors=(answers,)),),
        ),
        Flow(
            "keep",
            source=answers,
            steps=(
                Step(refuse_unlucky_numbers, collectors=(JsonLines(folder / "squares.jsonl"),)),
            ),
        ),
    )


def run(folder: Path, *, killed: bool) -> None:
    """One run, in its own process; `killed` ends it as kill -9 would, when half is written."""

    async def main() -> None:
        run = pipeline(folder).start(
            checkpoint=FileCheckpoint(folder / "checkpoint.json"),
            dead_letters=JsonLines(folder / "dead_letters.jsonl"),
        )
        task = asyncio.create_task(run.finish())
        while killed and not task.done():
            await asyncio.sleep(0.01)
            if sum(each.items for each in run.statistics().collectors.values()) > NUMBERS / 2:
                os._exit(137)
        print(await task)

    asyncio.run(main())


def main() -> None:
    """Kill the first run, finish with the second, and count."""
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out)
        for killed in (True, False):
            child = multiprocessing.get_context("spawn").Process(
                target=run, args=(folder,), kwargs={"killed": killed}
            )
            child.start()
            child.join()
            lines = (folder / "squares.jsonl").read_text().splitlines()
            how = "killed" if killed else "finished"
            print(f"--- {how}: {len(lines)} lines, {len(set(lines))} of them different")
        letters = (folder / "dead_letters.jsonl").read_text().splitlines()
        # What was put aside after the last checkpoint is put aside again: letters are at least once.
        refused = {json.loads(letter)["position"] for letter in letters}
        print(f"--- dead letters: {len(refused)}")
        assert len(set(lines)) == len(lines) == NUMBERS - len(refused)


if __name__ == "__main__":
    main()
