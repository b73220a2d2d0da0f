"""Whole pipelines, drawn at random, against what they promise.

Random trees of flows with fan-out, filters, failures and retries, ordered and unordered, drained,
cut off and started again from the checkpoint until the source has ended.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekspiper.core import (
    BatchPolicy,
    Collector,
    CommitPolicy,
    Delivery,
    DrainTimeout,
    Flow,
    Permanent,
    Pipeline,
    Processor,
    Queue,
    Retryable,
    Step,
)
from ekspiper.core.testing import (
    CommittingCollector,
    Fail,
    FaultyCollector,
    Half,
    Kept,
    ListSource,
    MemoryCheckpoint,
    RecordingCollector,
    RecoverableCollector,
    Slow,
    run_virtual,
)


@dataclass(frozen=True)
class Work:
    """What a step does with an item, told by its number alone, so that a model can tell too."""

    copies: int
    filters: int
    fails_for_good: int
    fails_at_first: int
    takes: int

    def outputs(self, number: int) -> list[int]:
        if self.filters and number % self.filters == 0:
            return []
        return [number] * self.copies

    def refuses(self, number: int) -> bool:
        return bool(self.fails_for_good) and number % self.fails_for_good == 1


class Worker(Processor[int, int]):
    def __init__(self, work: Work) -> None:
        self.work = work
        self.seen: set[int] = set()

    async def process(self, item: int) -> Sequence[int]:
        if self.work.takes:
            await asyncio.sleep(item * 7919 % self.work.takes * 0.001)
        if self.work.refuses(item):
            raise Permanent(f"never {item}")
        stumbles = self.work.fails_at_first and item % self.work.fails_at_first == 0
        if stumbles and item not in self.seen:
            self.seen.add(item)
            raise Retryable(f"not yet {item}")
        return self.work.outputs(item)


@dataclass(frozen=True)
class Branch:
    """A step, with the sink or the queue and further steps behind it."""

    work: Work
    concurrency: int
    ordered: bool
    sink: str | None
    batch: int
    queue: tuple[Branch, ...]
    room: int


works = st.builds(
    Work,
    copies=st.integers(1, 2),
    filters=st.sampled_from([0, 0, 3]),
    fails_for_good=st.sampled_from([0, 0, 5]),
    fails_at_first=st.sampled_from([0, 0, 4]),
    takes=st.sampled_from([0, 0, 5]),
)


def branches(deeper: st.SearchStrategy[tuple[Branch, ...]]) -> st.SearchStrategy[Branch]:
    return st.builds(
        Branch,
        work=works,
        concurrency=st.sampled_from([1, 1, 2, 5]),
        ordered=st.booleans(),
        sink=st.sampled_from([None, "plain", "cut back", "committing"]),
        batch=st.integers(1, 4),
        queue=deeper,
        room=st.integers(1, 6),
    )


leaves = branches(st.just(()))
middles = branches(st.one_of(st.just(()), st.tuples(leaves), st.tuples(leaves, leaves)))
trees = st.one_of(st.tuples(middles), st.tuples(middles, middles))


class Sinks:
    """What outlives a restart: the stores of all sinks, by their place."""

    def __init__(self, seed: int) -> None:
        self.plain: dict[str, RecordingCollector] = {}
        self.cut_back: dict[str, list[int]] = {}
        self.committing: dict[str, CommittingCollector.Store] = {}
        self.letters = RecordingCollector()
        self.expected: dict[str, Counter[int]] = {}
        self.expected_letters: Counter[tuple[str, int]] = Counter()
        self.ordered: set[str] = set()
        self.faults = random.Random(seed)

    def make(self, kind: str, place: str, batch: int) -> Collector[Any]:
        policy = BatchPolicy(count=batch, period=0.01)
        if kind == "cut back":
            return RecoverableCollector(self.cut_back.setdefault(place, []), batch_policy=policy)
        if kind == "committing":
            store = self.committing.setdefault(place, CommittingCollector.Store())
            return CommittingCollector(store, batch_policy=policy)
        sink = self.plain.setdefault(place, RecordingCollector(policy))
        kinds = [None, None, Fail(), Half(), Kept(), Slow(0.05)]
        return FaultyCollector(sink, self.faults.choices(kinds, k=30))


def build(tree: tuple[Branch, ...], count: int, sinks: Sinks) -> Pipeline:
    """The pipeline, and in `sinks` what each sink must hold in the end."""
    flows: list[Flow] = []
    sinks.expected_letters.clear()

    def flow(
        name: str, source: Any, steps: tuple[Branch, ...], items: list[int], *, ordered: bool
    ) -> None:
        made = []
        for number, branch in enumerate(steps):
            step = f"s{number}"
            bad = [item for item in items if branch.work.refuses(item)]
            sinks.expected_letters.update((f"{name}/{step}", item) for item in bad)
            good = [item for item in items if not branch.work.refuses(item)]
            out = [output for item in good for output in branch.work.outputs(item)]
            in_order = ordered and (branch.ordered or branch.concurrency == 1)
            collectors: list[Any] = []
            if branch.sink is not None:
                place = f"{name}/{step}"
                collectors.append(
                    Delivery(sinks.make(branch.sink, place, branch.batch), name="sink")
                )
                sinks.expected[place] = Counter(out)
                if in_order:
                    sinks.ordered.add(place)
            if branch.queue:
                queue = Queue(f"{name}-{number}", max_items=branch.room)
                collectors.append(queue)
                flow(f"{name}-{number}", queue, branch.queue, out, ordered=in_order)
            made.append(
                Step(
                    Worker(branch.work),
                    name=step,
                    concurrency=branch.concurrency,
                    ordered=branch.ordered,
                    collectors=collectors,
                )
            )
        flows.append(Flow(name, source=source, steps=made))

    source = ListSource(range(1, count + 1), polite=True)
    flow("root", source, tree, list(range(1, count + 1)), ordered=True)
    return Pipeline(*flows)


async def interrupt(
    pipeline: Pipeline, checkpoint: MemoryCheckpoint, letters: Any, how: Any
) -> bool:
    """Run until it has ended, or has been drained or cut off; whether it ended by itself."""
    kind, turns = how
    run = pipeline.start(
        checkpoint=checkpoint,
        commit=CommitPolicy(items=5, seconds=0.02),
        dead_letters=letters,
        drain_timeout=1e6,
    )
    task = asyncio.create_task(run.finish())
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done() or kind == "none":
        report = await task
    elif kind == "drain":
        run.drain()
        report = await task
        assert report.read == report.kept + report.dead_lettered
        if report.read:
            assert checkpoint.positions[-1]["root"] == report.sources["root"].position
    else:
        saved = list(checkpoint.saved)
        run.stop()
        try:
            await task
        except DrainTimeout:
            checkpoint.saved[:] = saved
        return False
    return not report.drained


hows = st.tuples(st.sampled_from(["drain", "cut", "cut"]), st.integers(1, 400))


@given(trees, st.integers(0, 40), st.lists(hows, max_size=6), st.integers(0, 10**6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_promises(
    tree: tuple[Branch, ...], count: int, interruptions: list[tuple[str, int]], seed: int
) -> None:
    sinks, checkpoint = Sinks(seed), MemoryCheckpoint()
    restarts = 0
    for how in [*interruptions, ("none", 0)]:
        pipeline = build(tree, count, sinks)
        if run_virtual(interrupt(pipeline, checkpoint, sinks.letters, how)):
            break
        restarts += 1
    if count:
        assert checkpoint.positions[-1] == {"root": count}
    check(sinks, cut="cut" in [kind for kind, _ in interruptions[:restarts]])


def check(sinks: Sinks, *, cut: bool) -> None:
    for place, store in sinks.cut_back.items():
        assert Counter(store) == sinks.expected[place], f"{place}: exactly once"
        if place in sinks.ordered:
            assert store == sorted(store), f"{place}: in order"
    for place, committed in sinks.committing.items():
        assert Counter(committed.items) == sinks.expected[place], f"{place}: exactly once"
    for place, sink in sinks.plain.items():
        got = Counter(sink.items)
        assert got >= sinks.expected[place], f"{place}: at least once"
        assert set(got) == set(sinks.expected[place]), f"{place}: nothing made up"
    letters = Counter(
        (f"{letter['flow']}/{letter['step']}", letter["item"]) for letter in sinks.letters.items
    )
    assert letters >= sinks.expected_letters
    assert set(letters) == set(sinks.expected_letters)
    if not cut:
        assert letters == sinks.expected_letters
