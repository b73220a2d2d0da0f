"""Dead letters are fed back to where they failed, and the checkpoint stays true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import (
    CheckpointError,
    ConfigError,
    DeadLetter,
    DeadLetterFile,
    Flow,
    FlowFailed,
    Permanent,
    Pipeline,
    Queue,
    Report,
    Step,
    processor,
)
from ekspiper.core._runner import Redelivery
from ekspiper.core.dead_letter import as_json
from ekspiper.core.testing import (
    CommittingCollector,
    End,
    FaultyCollector,
    ListSource,
    MemoryCheckpoint,
    RecordingCollector,
    RecoverableCollector,
    run_virtual,
)

N = 20


@dataclass
class World:
    """What outlives the program, and what is broken in it."""

    store: list[Any]
    committed: CommittingCollector.Store
    checkpoint: MemoryCheckpoint
    broken: bool = True

    def pipeline(self) -> Pipeline:
        """Item 5 fails in a processor, item 7 in a collector, while the world is broken."""
        middle = Queue("middle")

        @processor
        def double(item: int) -> int:
            if item == 5 and self.broken:
                raise Permanent("five")
            return item * 2

        refusing = FaultyCollector(
            RecoverableCollector(self.store), refuses=lambda record: record == 14 and self.broken
        )
        refusing.snapshot = refusing.inner.snapshot  # type: ignore[attr-defined]
        refusing.restore = refusing.inner.restore  # type: ignore[attr-defined]
        source = ListSource([*range(N), End(), *range(N, 2 * N)], identity="the list")
        return Pipeline(
            Flow("a", source=source, steps=(Step(double, collectors=(middle,)),)),
            Flow(
                "b",
                source=middle,
                steps=(
                    Step(lambda item: item, name="cut", collectors=(refusing,)),
                    Step(
                        lambda item: item,
                        name="commit",
                        collectors=(CommittingCollector(self.committed),),
                    ),
                ),
            ),
        )


def broken_world() -> tuple[World, list[DeadLetter]]:
    world = World([], CommittingCollector.Store(), MemoryCheckpoint())
    letters = RecordingCollector()
    run_virtual(world.pipeline().run(checkpoint=world.checkpoint, dead_letters=letters))
    assert [letter["item"] for letter in letters.items] == [5, 14]
    return world, [DeadLetter(**letter) for letter in letters.items]


def redeliver(world: World, letters: Iterable[DeadLetter], **options: Any) -> Report:
    return run_virtual(world.pipeline().redeliver(letters, checkpoint=world.checkpoint, **options))


def test_each_letter_goes_to_where_it_failed() -> None:
    world, letters = broken_world()
    world.broken = False
    report = redeliver(world, letters)
    assert (report.read, report.kept, report.dead_lettered) == (2, 2, 0)
    assert report.sources["dead letters"].position == 2
    doubled = [2 * item for item in range(N)]
    assert sorted(world.store) == doubled
    assert sorted(world.committed.items) == doubled, (
        "14 went to one collector only, the other had it"
    )


def test_the_next_run_goes_on_and_cuts_nothing_off() -> None:
    world, letters = broken_world()
    world.broken = False
    before = world.checkpoint.positions[-1]
    redeliver(world, letters)
    assert world.checkpoint.positions[-1] == before == {"a": N}
    assert world.committed.position == N
    pipeline = world.pipeline()
    pipeline.flows[0].source.items.remove(pipeline.flows[0].source.items[N])  # type: ignore[union-attr]
    run_virtual(pipeline.run(checkpoint=world.checkpoint))
    everything = [2 * item for item in range(2 * N)]
    assert sorted(world.store) == sorted(world.committed.items) == everything


def test_what_fails_again_is_a_letter_again_with_the_same_origin() -> None:
    world, letters = broken_world()
    again = RecordingCollector()
    report = redeliver(world, letters, dead_letters=again)
    assert (report.kept, report.dead_lettered) == (0, 2)
    was = {letter.item: letter for letter in letters}
    for letter in again.items:
        old = was[letter["item"]].record()
        assert {**letter, "time": ""} == {**old, "time": ""}


def test_a_failure_without_dead_letters_changes_no_checkpoint() -> None:
    world, letters = broken_world()
    saved = list(world.checkpoint.saved)
    with pytest.raises(FlowFailed, match="at position 6: five"):
        redeliver(world, letters)
    assert world.checkpoint.saved == saved


def test_items_that_were_objects_are_decoded() -> None:
    world, letters = broken_world()
    world.broken = False
    wrapped = [DeadLetter(**{**each.record(), "item": {"n": each.item}}) for each in letters]
    report = redeliver(world, wrapped, decode=lambda letter: letter.item["n"])
    assert report.kept == 2


def test_a_letter_that_cannot_be_decoded_is_a_letter_again() -> None:
    world, letters = broken_world()
    again = RecordingCollector()
    report = redeliver(world, letters, decode=lambda letter: letter.item["n"], dead_letters=again)
    assert report.dead_lettered == 2
    assert "cannot be decoded: TypeError" in again.items[0]["message"]
    assert [letter["item"] for letter in again.items] == [5, 14]


def test_a_letter_for_a_place_that_is_not_there() -> None:
    world, letters = broken_world()
    lost = DeadLetter(**{**letters[0].record(), "step": "triple"})
    with pytest.raises(
        FlowFailed, match="is for a/triple, which this pipeline does not have; it has "
    ):
        redeliver(world, [lost])


def test_a_checkpoint_of_another_pipeline_is_refused() -> None:
    world, letters = broken_world()
    other = Pipeline(Flow("a", source=[], steps=(Step(lambda item: item, name="x"),)))
    with pytest.raises(CheckpointError, match="was taken by another pipeline"):
        run_virtual(other.redeliver(letters, checkpoint=world.checkpoint))


def test_a_drained_one_settles_what_it_read_and_reads_no_more() -> None:
    """The letters that are left stay where they are: the next redelivery begins with all."""
    world, letters = broken_world()
    world.broken = False
    many = letters * 100
    asked = asyncio.Event()

    async def given() -> AsyncIterator[DeadLetter]:
        for number, letter in enumerate(many):
            if number == 70:  # more than are brought in one turn
                asked.set()
                await asyncio.sleep(0)
            yield letter

    async def drained() -> Report:
        run = Redelivery(world.pipeline().flows, given(), checkpoint=world.checkpoint)
        running = asyncio.ensure_future(run.finish())
        await asked.wait()
        run.drain()
        return await running

    report = run_virtual(drained())
    assert report.drained
    assert 70 <= report.kept == report.read < 80


def test_without_a_checkpoint() -> None:
    world, letters = broken_world()
    world.broken = False
    report = run_virtual(world.pipeline().redeliver(letters))
    assert report.kept == 2
    assert sorted(world.store) == [2 * item for item in range(N)]


def test_letters_are_read_from_a_file(tmp_path: Path) -> None:
    world, letters = broken_world()
    world.broken = False
    path = tmp_path / "dead_letters.jsonl"
    path.write_text("".join(json.dumps(letter.record()) + "\n" for letter in letters))
    only_b = DeadLetterFile(path, keep=lambda letter: letter.flow == "b")
    assert run_virtual(world.pipeline().redeliver(only_b, checkpoint=world.checkpoint)).kept == 1
    assert [letter.item for letter in DeadLetterFile(path).letters()] == [5, 14]


def test_a_file_that_holds_something_else(tmp_path: Path) -> None:
    path = tmp_path / "letters"
    with pytest.raises(ConfigError, match="cannot read the dead letters"):
        list(DeadLetterFile(path).letters())
    path.write_text('{"flow": "a"}\n')
    with pytest.raises(ConfigError, match="letters, line 1 is not a dead letter"):
        list(DeadLetterFile(path).letters())
    path.write_text("no json\n")
    with pytest.raises(ConfigError, match="line 1"):
        list(DeadLetterFile(path).letters())


@dataclass
class Thing:
    name: str
    blob: bytes


class Spoken:
    def to_json(self) -> Any:
        return {"spoken": (1, 2)}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"\x00\xff", "00FF"),
        ({1: {"a", }}, {"1": ["a"]}),
        (Thing("x", b"\x01"), {"name": "x", "blob": "01"}),
        (Spoken(), {"spoken": [1, 2]}),
        (Thing, repr(Thing)),
        (3 + 4j, "(3+4j)"),
        (2**64 - 1, 2**64 - 1),
        ([2**64, -(2**63) - 1], ["18446744073709551616", "-9223372036854775809"]),
        ({"\ud800": "é\udfff"}, {"\\ud800": "é\\udfff"}),
    ],
)  # fmt: skip
def test_anything_has_a_json_form(item: Any, expected: Any) -> None:
    assert as_json(item) == expected
    json.dumps(as_json(item), allow_nan=False, ensure_ascii=False).encode()


def test_what_lies_too_deep_is_left_out_and_says_so() -> None:
    item: list[Any] = []
    for _ in range(100_000):
        item = [item]
    text = json.dumps(as_json(item))
    assert text.startswith("[" * 201 + '"(left out: nested deeper than 200 levels)"')
