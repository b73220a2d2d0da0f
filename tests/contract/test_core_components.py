"""The components of the core and of the testing kit pass the suites they are published with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import DeadLetter, DeadLetterFile, FunctionProcessor, IterableSource, PassThrough
from ekspiper.core.testing import (
    FaultyCollector,
    ListSource,
    RecordingCollector,
    RecoverableCollector,
)
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.core.testing.processor_contract import ProcessorContract
from ekspiper.core.testing.source_contract import SourceContract


class TestListSource(SourceContract):
    async def make(self) -> ListSource:
        return ListSource("abcdefg")


class TestIterableSource(SourceContract):
    async def make(self) -> IterableSource:
        return IterableSource("abcdefg", identity="seven letters")


class TestAsyncIterableSource(SourceContract):
    async def make(self) -> IterableSource:
        async def letters() -> Any:
            for letter in "abcdefg":
                yield letter

        return IterableSource(letters(), identity="seven letters")


class TestDeadLetterFile(SourceContract):
    @pytest.fixture(autouse=True)
    def file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "dead_letters.jsonl"
        with self.path.open("w") as lines:
            for number in range(6):
                letter = DeadLetter.of(
                    {"n": number}, ValueError("x"), source="s", position=number, flow="f", step="p"
                )
                lines.write(json.dumps(letter.record()) + "\n")

    async def make(self) -> DeadLetterFile:
        return DeadLetterFile(self.path)


class TestPassThrough(ProcessorContract):
    async def make(self) -> PassThrough:
        return PassThrough()

    def items(self) -> Sequence[Any]:
        return [1, {"a": [1]}, "text"]


class TestFunctionProcessor(ProcessorContract):
    async def make(self) -> FunctionProcessor:
        return FunctionProcessor(lambda item: 100 / item if item != 5 else None)

    def items(self) -> Sequence[Any]:
        return [1, 2, 5]

    def bad_item(self) -> Any:
        return 0


class TestGeneratorProcessor(ProcessorContract):
    async def make(self) -> FunctionProcessor:
        async def each(item: Sequence[int]) -> Any:
            for number in item:
                yield number

        return FunctionProcessor(each)

    def items(self) -> Sequence[Any]:
        return [[1, 2, 3], [], [4]]

    def bad_item(self) -> Any:
        return 7


class TestRecordingCollector(CollectorContract):
    recoverable = False

    @pytest.fixture(autouse=True)
    def begin(self) -> None:
        self.made: list[RecordingCollector] = []

    async def make(self, tmp_path: Path) -> RecordingCollector:
        self.made.append(RecordingCollector())
        return self.made[-1]

    async def stored(self) -> Sequence[Any]:
        return [item for collector in self.made for item in collector.items]


class TestRecoverableCollector(CollectorContract):
    @pytest.fixture(autouse=True)
    def begin(self) -> None:
        self.store: list[Any] = []

    async def make(self, tmp_path: Path) -> RecoverableCollector:
        return RecoverableCollector(self.store)

    async def stored(self) -> Sequence[Any]:
        return self.store


class TestFaultyCollector(CollectorContract):
    """It can be brought back, as the collector that it stands before."""

    @pytest.fixture(autouse=True)
    def begin(self) -> None:
        self.kept: list[Any] = []

    async def make(self, tmp_path: Path) -> FaultyCollector:
        return FaultyCollector(
            RecoverableCollector(self.kept), refuses=lambda record: record == "bad"
        )

    async def stored(self) -> Sequence[Any]:
        return self.kept

    def bad_record(self) -> Any:
        return "bad"


class TestFaultyCollectorBeforeOneThatDoesNotRecover(CollectorContract):
    recoverable = False
    remembers = False

    async def make(self, tmp_path: Path) -> FaultyCollector:
        self.inner = RecordingCollector()
        return FaultyCollector(self.inner)

    async def stored(self) -> Sequence[Any]:
        return self.inner.items
