"""How the public API is used, with types. mypy checks this file; nothing ever runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, assert_type

from ekspiper.core import (
    BatchPolicy,
    Collector,
    CommitPolicy,
    DeadLetterFile,
    Delivery,
    FileCheckpoint,
    Flow,
    Permanent,
    Pipeline,
    Position,
    Processor,
    Queue,
    Report,
    RetryPolicy,
    Run,
    Source,
    State,
    Statistics,
    Step,
    processor,
)


class Numbers(Source[int]):
    def __init__(self, last: int) -> None:
        self._last = last
        self._at = 0

    @property
    def position(self) -> Position:
        return self._at

    async def resume(self, position: Position) -> None:
        self._at = int(position)

    async def __aiter__(self) -> AsyncIterator[int]:
        while self._at < self._last:
            self._at += 1
            yield self._at


class Halve(Processor[int, float]):
    async def process(self, item: int) -> Sequence[float]:
        if item < 0:
            raise Permanent("negative numbers have no place here")
        return (item / 2,)


class Memory(Collector[float]):
    def __init__(self) -> None:
        self.kept: list[float] = []

    async def collect(self, batch: Sequence[float]) -> None:
        self.kept += batch

    async def snapshot(self, position: Position) -> State:
        return len(self.kept)

    async def restore(self, state: State | None) -> Position | None:
        del self.kept[state or 0 :]
        return None


@processor
def double(number: int) -> int | None:
    return number * 2 if number else None


async def run_a_pipeline(sink: Memory, letters: Collector[Any]) -> Report:
    numbers = Queue("numbers", max_items=100, max_bytes=1 << 20)
    pipeline = Pipeline(
        Flow("read", source=Numbers(10), steps=(Step(double, collectors=(numbers,)),)),
        Flow(
            "halve",
            source=numbers,
            steps=[
                Step(
                    Halve(),
                    collectors=[Delivery(sink, BatchPolicy(count=10), name="memory")],
                    concurrency=4,
                    ordered=True,
                    retry=RetryPolicy(elapsed=5.0),
                    on_error="dead-letter",
                )
            ],
        ),
    )
    run = pipeline.start(checkpoint=FileCheckpoint("state.json"), dead_letters=letters)
    assert_type(run, Run)
    assert_type(run.statistics(), Statistics)
    run.drain()
    report = await pipeline.run(
        checkpoint=FileCheckpoint("state.json"),
        commit=CommitPolicy(items=100, seconds=0.5),
        dead_letters=letters,
        drain_timeout=10.0,
        signals=True,
    )
    assert_type(report, Report)
    assert_type(report.kept, int)
    assert_type(pipeline.to_mermaid(), str)
    return report


async def feed_dead_letters_back(pipeline: Pipeline, letters: Collector[Any]) -> Report:
    failed = DeadLetterFile("dead_letters.jsonl", keep=lambda letter: letter.flow == "halve")
    return await pipeline.redeliver(
        failed,
        decode=lambda letter: int(letter.item),
        checkpoint=FileCheckpoint("state.json"),
        dead_letters=letters,
    )
