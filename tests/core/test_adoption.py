"""A pipeline that has changed goes on from its checkpoint, when it is told to."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import (
    Adoption,
    CheckpointError,
    Collector,
    CommitPolicy,
    Delivery,
    FileCheckpoint,
    Flow,
    FlowState,
    Pipeline,
    Progress,
    Queue,
    ShapeChanged,
    Step,
)
from ekspiper.core.testing import (
    Abort,
    CommittingCollector,
    End,
    ListSource,
    MemoryCheckpoint,
    RecordingCollector,
    RecoverableCollector,
    run_virtual,
)

N = 20
ALL = list(range(2 * N))
LATER = list(range(N, 2 * N))


def same(item: Any) -> Any:
    return item


def source(*, abort_at: int | None = None, identity: str = "list") -> ListSource:
    """Everything; its first reader gets half of it, and the second comes to `abort_at`."""
    items: list[Any] = [*range(N), End(), *range(N, 2 * N)]
    if abort_at is not None:
        items.insert(abort_at + 1, Abort())
    return ListSource(items, identity=identity, polite=True)


def pipeline(reads: ListSource, *, queued: bool = False, **collectors: Collector[Any]) -> Pipeline:
    """Collectors by name behind one step; the one called `far` stands in a flow behind a queue."""
    far = collectors.pop("far", None)
    queue = Queue("q")
    deliveries: list[Any] = [Delivery(each, name=name) for name, each in collectors.items()]
    steps = (Step(same, collectors=(*deliveries, *((queue,) if far else ()))),)
    behind = Flow("b", source=queue, steps=(Step(same, collectors=(Delivery(far, name="far"),)),)) if far else None  # fmt: skip
    return Pipeline(*filter(None, (Flow("a", source=reads, steps=steps), behind)))


def run(made: Pipeline, checkpoint: Any, **options: Any) -> None:
    run_virtual(made.run(checkpoint=checkpoint, commit=CommitPolicy(items=3), **options))


class World:
    """What outlives the runs: two sinks, each of its kind, and a checkpoint at the half."""

    def __init__(self) -> None:
        self.reads = source()
        self.cut = RecoverableCollector()
        self.commits = CommittingCollector()
        self.checkpoint = MemoryCheckpoint()
        run(self.pipeline(), self.checkpoint)

    def pipeline(self, **more: Collector[Any]) -> Pipeline:
        return pipeline(self.reads, cut=self.cut, commits=self.commits, **more)

    def check(self, expected: list[int]) -> None:
        """Nothing is lost or doubled in the sinks that stay."""
        assert self.cut.store == self.commits.store.items == expected


def test_without_being_told_it_is_refused_by_name_and_nothing_changes() -> None:
    world = World()
    saved = list(world.checkpoint.saved)
    with pytest.raises(ShapeChanged, match="only the pipeline has a/same/new") as caught:
        run(world.pipeline(new=RecordingCollector()), world.checkpoint)
    assert "adopt it (adopt=True)" in str(caught.value)
    assert (caught.value.added, caught.value.removed) == (("a/same/new",), ())
    assert isinstance(caught.value, CheckpointError)
    assert world.checkpoint.saved == saved
    world.check(ALL[:N])


def test_what_is_new_begins_at_the_checkpoint_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    before = world.checkpoint.saved[-1]
    plain, cut, commits = RecordingCollector(), RecoverableCollector(), CommittingCollector()
    more: dict[str, Any] = {"plain": plain, "new_cut": cut, "new_commits": commits}
    run(world.pipeline(**more), world.checkpoint, adopt=True)
    world.check(ALL)
    assert plain.items == cut.store == commits.store.items == LATER
    assert commits.store.position == 2 * N
    assert cut.snapshots[0] == N, "what a sink commits first is where it begins"
    assert world.checkpoint.backups == [before]
    assert caplog.messages == [
        "adopting the checkpoint in memory; the old one is kept as backup 1",
        f"adopted: it continues where the checkpoint stands: a at {N}",
        "adopted: a/same/new_commits is new: it begins there, and gets nothing of what was before",
        "adopted: a/same/new_cut is new: it begins there, and gets nothing of what was before",
        "adopted: a/same/plain is new: it begins there, and gets nothing of what was before",
    ]
    run(world.pipeline(**more), world.checkpoint)
    world.check(ALL)


@pytest.mark.parametrize("lost", [0, 1, 2, 100])
@pytest.mark.parametrize("at", [N, N + 1, N + 7, 2 * N])
def test_a_crash_behind_the_adoption_doubles_nothing(at: int, lost: int) -> None:
    """Nor in the new collectors, whose state is in the checkpoint before their first item.

    Args:
        at: where the adopting run ends.
        lost: how many of its last checkpoints were never written.
    """
    world = World()
    world.reads = source(abort_at=at)
    world.reads._passed = {N}
    new: dict[str, Any] = {"new": RecoverableCollector(), "far": RecoverableCollector()}
    adopting = MemoryCheckpoint()
    adopting.saved.append(world.checkpoint.saved[-1])
    with suppress(Exception):
        run(world.pipeline(**new), adopting, adopt=True)
    adopting.saved[2:] = adopting.saved[2 : max(2, len(adopting.saved) - lost)]
    adopted = json.loads(adopting.saved[1])
    assert adopted["flows"]["a"]["position"] == N
    assert adopted["flows"]["a"]["collectors"]["b/same/far"] == {"length": 0}
    run(world.pipeline(**new), adopting)
    world.check(ALL)
    assert new["new"].store == new["far"].store == LATER


def test_a_crash_before_the_adoption_is_saved_leaves_the_old_checkpoint() -> None:
    world = World()
    saved = list(world.checkpoint.saved)
    world.checkpoint._failures = iter([PermissionError("read only")])
    new = RecoverableCollector()
    with pytest.raises(CheckpointError, match="read only"):
        run(world.pipeline(new=new), world.checkpoint, adopt=True)
    assert world.checkpoint.saved == saved
    assert new.store == []
    run(world.pipeline(new=new), world.checkpoint, adopt=True)
    world.check(ALL)
    assert new.store == LATER


def test_without_a_copy_nothing_is_adopted() -> None:
    class Full(MemoryCheckpoint):
        async def back_up(self) -> str:
            raise CheckpointError("the disk is full")

    world = World()
    full = Full()
    full.saved += world.checkpoint.saved
    with pytest.raises(CheckpointError, match="the disk is full"):
        run(world.pipeline(new=RecordingCollector()), full, adopt=True)
    assert full.saved == world.checkpoint.saved


def test_it_is_saved_before_anything_is_read() -> None:
    """Though no collector has a state: a restart must not have to adopt again."""
    checkpoint = MemoryCheckpoint()
    reads = source(abort_at=N)
    run(pipeline(reads, one=RecordingCollector()), checkpoint)
    both = {"one": RecordingCollector(), "two": RecordingCollector()}
    with pytest.raises(Exception, match="aborted by the test"):
        run(pipeline(reads, **both), checkpoint, adopt=True)
    run(pipeline(reads, **both), checkpoint)
    assert both["two"].items == LATER


def test_what_is_gone_is_dropped_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    gone, far = RecoverableCollector(), RecoverableCollector()
    world.reads = source()
    world.cut, world.commits = RecoverableCollector(), CommittingCollector()
    world.checkpoint = MemoryCheckpoint()
    run(world.pipeline(gone=gone, far=far), world.checkpoint)
    run(world.pipeline(), world.checkpoint, adopt=True)
    world.check(ALL)
    assert gone.store == far.store == ALL[:N]
    assert set(json.loads(world.checkpoint.saved[-1])["flows"]["a"]["collectors"]) == {
        "a/same/cut",
        "a/same/commits",
    }
    assert [text for text in caplog.messages if "gone" in text] == [
        "adopted: a/same/gone is gone: what the checkpoint knows of it is dropped",
        "adopted: a/same/q is gone: what the checkpoint knows of it is dropped",
        "adopted: b/same/far is gone: what the checkpoint knows of it is dropped",
    ]


def test_another_source_is_refused_as_ever_and_nothing_is_copied() -> None:
    world = World()
    world.reads = source(identity="another network")
    saved = list(world.checkpoint.saved)
    for more in ({}, {"new": RecordingCollector()}):
        with pytest.raises(CheckpointError, match="was taken from 'list', but flow 'a' now reads"):
            run(world.pipeline(**more), world.checkpoint, adopt=True)
    assert (world.checkpoint.saved, world.checkpoint.backups) == (saved, [])


def test_where_no_flow_is_the_same_there_is_nothing_to_adopt() -> None:
    world = World()
    other = Pipeline(Flow("z", source=source(), steps=(Step(same),)))
    with pytest.raises(
        CheckpointError, match="nothing to adopt: the checkpoint is of 'a', and the pipeline reads"
    ):
        run(other, world.checkpoint, adopt=True)
    assert world.checkpoint.backups == []


def test_where_nothing_has_changed_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    run(world.pipeline(), world.checkpoint, adopt=True)
    world.check(ALL)
    fresh = RecordingCollector()
    run(pipeline(source(), fresh=fresh), MemoryCheckpoint(), adopt=True)
    assert fresh.items == ALL[:N]
    assert world.checkpoint.backups == []
    assert caplog.messages == [
        "the checkpoint in memory is of this pipeline already: there is nothing to adopt",
        "the checkpoint in memory is not there yet: there is nothing to adopt",
    ]


def test_flows_with_sources_of_their_own_come_and_go() -> None:
    old = Progress(
        ("a/s/x", "a/s/w", "b/s/y"),
        {
            "a": FlowState("one", 5, {"a/s/x": 1, "a/s/w": 3}),
            "b": FlowState("two", 7, {"b/s/y": 2}),
        },
    )
    adoption = Adoption.of(old, ("a/s/x", "c/s/z"), ("a", "c"))
    assert adoption.new == Progress(("a/s/x", "c/s/z"), {"a": FlowState("one", 5, {"a/s/x": 1})})
    assert (adoption.added, adoption.removed) == (["c/s/z"], ["a/s/w", "b/s/y"])
    assert list(adoption.lines()) == [
        "it continues where the checkpoint stands: a at 5",
        "a/s/w is gone: what the checkpoint knows of it is dropped",
        "b/s/y is gone: what the checkpoint knows of it is dropped",
        "the flow c is new: it begins at the start of its source",
        "the flow b is gone: its position, 7, is dropped",
    ]


def test_before_the_first_item_it_stands_at_the_start() -> None:
    old = Progress(("a/s/x",), {"a": FlowState("one")})
    lines = Adoption.of(old, ("a/s/x", "a/s/y"), ("a",)).lines()
    assert next(lines) == "it continues where the checkpoint stands: a at the start"


def test_copies_of_a_file_are_whole_and_never_replaced(tmp_path: Path) -> None:
    checkpoint = FileCheckpoint(tmp_path / "state.json")
    contents = []
    for number in (1, 2):
        asyncio.run(checkpoint.save(Progress((f"a/s/{number}",), {"a": FlowState("net", number)})))
        contents.append(checkpoint.path.read_bytes())
        assert asyncio.run(checkpoint.back_up()) == str(tmp_path / f"state.json.backup-{number}")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["state.json", "state.json.backup-1", "state.json.backup-2"]
    assert [(tmp_path / name).read_bytes() for name in names[1:]] == contents
    assert not list(tmp_path.glob("*.json.new"))


def test_a_copy_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot keep a copy of the checkpoint .*No such"):
        asyncio.run(FileCheckpoint(tmp_path / "state.json").back_up())
