"""The contract of collectors catches collectors that break it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import BatchError, Collector, Permanent, Position, Retryable, State
from ekspiper.core.testing.collector_contract import CollectorContract

BAD = {"bad": True}


class Memory(Collector[Any]):
    """Keeps records in a list that outlives it."""

    def __init__(self, sink: list[Any]) -> None:
        self.sink = sink
        self.is_down = False

    async def collect(self, batch: Sequence[Any]) -> None:
        if self.is_down:
            raise Retryable("down")
        bad = {place: Permanent("bad") for place, record in enumerate(batch) if record == BAD}
        self.sink += [record for record in batch if record != BAD]
        if bad:
            raise BatchError(bad)

    async def snapshot(self, position: Position) -> State:
        return {"length": len(self.sink)}

    async def restore(self, state: State | None) -> Position | None:
        if state is not None:
            del self.sink[state["length"] :]
        return None


class Contract(CollectorContract):
    def __init__(self, kind: type[Memory]) -> None:
        self.kind = kind
        self.sink: list[Any] = []

    async def make(self, tmp_path: Path) -> Collector[Any]:
        self.made = self.kind(self.sink)
        return self.made

    async def stored(self) -> Sequence[Any]:
        return self.sink

    def bad_record(self) -> Any:
        return BAD

    async def break_sink(self) -> None:
        self.made.is_down = True

    async def mend_sink(self) -> None:
        self.made.is_down = False


class ClosesOnce(Memory):
    closed = False

    async def close(self) -> None:
        assert not self.closed
        self.closed = True


class Reorders(Memory):
    async def collect(self, batch: Sequence[Any]) -> None:
        await super().collect(batch[::-1])


class Changes(Memory):
    async def collect(self, batch: Sequence[Any]) -> None:
        for record in batch:
            record["seen"] = True
        await super().collect(batch)


class RefusesWhole(Memory):
    async def collect(self, batch: Sequence[Any]) -> None:
        if BAD in batch:
            raise BatchError({place: Permanent("bad") for place in range(len(batch))})
        await super().collect(batch)


class RetriesBad(Memory):
    async def collect(self, batch: Sequence[Any]) -> None:
        try:
            await super().collect(batch)
        except BatchError as error:
            raise BatchError(dict.fromkeys(error.failures, Retryable("again"))) from None


class KeepsWhatFailed(Memory):
    async def collect(self, batch: Sequence[Any]) -> None:
        if self.is_down:
            self.sink += batch
        await super().collect(batch)


class FailsSilently(Memory):
    async def collect(self, batch: Sequence[Any]) -> None:
        if not self.is_down:
            await super().collect(batch)


class Overwrites(Memory):
    async def open(self) -> None:
        self.sink.clear()


class DestroysWithoutCheckpoint(Memory):
    async def restore(self, state: State | None) -> Position | None:
        return await super().restore(state or {"length": 0})


class ForgetsToRestore(Memory):
    async def restore(self, state: State | None) -> Position | None:
        return None


class SaysNothing(Memory):
    async def snapshot(self, position: Position) -> State:
        return None


async def failing(kind: type[Memory], tmp_path: Path) -> set[str]:
    """The tests of the contract that a collector fails."""
    failed = set()
    for name in (
        name for name in dir(Contract) if name.startswith("test_") and getattr(Contract, name)
    ):
        contract = Contract(kind)
        test = getattr(contract, name)
        arguments = {"turns": 1} if "turns" in inspect.signature(test).parameters else {}
        try:
            await test(tmp_path, **arguments)
        except (AssertionError, pytest.fail.Exception, BatchError):
            failed.add(name.removeprefix("test_"))
    return failed


async def test_a_good_collector_passes(tmp_path: Path) -> None:
    assert await failing(Memory, tmp_path) == set()


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (ClosesOnce, "closes_twice"),
        (Reorders, "keeps_batches_in_order"),
        (Changes, "takes_any_sequence_and_changes_no_record"),
        (RefusesWhole, "a_bad_record_fails_alone"),
        (RetriesBad, "a_bad_record_fails_alone"),
        (KeepsWhatFailed, "a_failed_batch_is_kept_when_it_comes_again"),
        (FailsSilently, "a_failed_batch_is_kept_when_it_comes_again"),
        (Overwrites, "reopening_goes_on"),
        (DestroysWithoutCheckpoint, "without_a_checkpoint_nothing_is_destroyed"),
        (ForgetsToRestore, "restore_undoes_what_came_after_the_snapshot"),
        (SaysNothing, "a_snapshot_can_be_taken_at_any_time"),
    ],
)
async def test_a_broken_collector_is_caught(kind: type[Memory], test: str, tmp_path: Path) -> None:
    assert test in await failing(kind, tmp_path)
