"""The channel against a model of it: nothing lost, order kept, bounds held, nobody forgotten."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ekspiper.core._runner.channel import END, Channel
from ekspiper.core._runner.measure import Measure
from ekspiper.core._runner.receipt import Receipt, Receipts
from ekspiper.core.testing import run_until_idle, run_virtual

MAX_ITEMS, MAX_BYTES = 5, 100


def channel(max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> Channel:
    return Channel("c", max_items=max_items, max_bytes=max_bytes, measure=lambda size: size)


def receipt(receipts: Receipts) -> Receipt:
    return receipts.issue(None)


class ChannelMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.channel = channel()
        self.model: deque[int | None] = deque()
        self.receipt = receipt(Receipts())

    def sizes(self) -> list[int]:
        return [size for size in self.model if size is not None]

    @rule(size=st.integers(0, 150))
    def offer(self, size: int) -> None:
        held = self.sizes()
        fits = len(held) < MAX_ITEMS and (not held or sum(held) + size <= MAX_BYTES)
        assert self.channel.offer(size, self.receipt) is fits
        if fits:
            self.model.append(size)

    @rule()
    def mark(self) -> None:
        self.channel.put_control(END)
        self.model.append(None)

    @rule(limit=st.integers(1, 8))
    def take(self, limit: int) -> None:
        taken = self.channel.take(limit)
        expected = [self.model.popleft() for _ in range(min(limit, len(self.model)))]
        assert [None if given is None else size for _, given, size in taken] == expected
        assert all(item is END for item, given, _ in taken if given is None)

    @precondition(lambda self: self.model)
    @rule()
    def pop(self) -> None:
        coroutine = self.channel.pop()
        with pytest.raises(StopIteration) as ended:  # there is an entry: it does not wait
            coroutine.send(None)
        _, given, size = ended.value.value
        assert (None if given is None else size) == self.model.popleft()

    @invariant()
    def counts(self) -> None:
        statistics = self.channel.statistics()
        assert (statistics.items, statistics.bytes) == (len(self.sizes()), sum(self.sizes()))
        assert len(self.channel) <= MAX_ITEMS
        assert statistics.bytes <= MAX_BYTES or statistics.items == 1


TestChannelMachine = ChannelMachine.TestCase
TestChannelMachine.settings = settings(max_examples=60, stateful_step_count=30)


@given(
    writers=st.lists(st.lists(st.integers(1, 120), max_size=12), min_size=1, max_size=4),
    reads=st.lists(st.integers(1, 6), min_size=1, max_size=10),
    cancel=st.sets(st.integers(0, 3)),
)
@settings(max_examples=60)
def test_writers_and_readers_together(
    writers: list[list[int]], reads: list[int], cancel: set[int]
) -> None:
    """Any number of writers, one reader in gulps; some writers are cancelled while they wait."""
    receipts = Receipts()
    one = receipt(receipts)

    async def write(link: Channel, own: list[int], name: int, written: list[Any]) -> None:
        for number, size in enumerate(own):
            if not link.offer(size, one):
                await link.put(size, one)
            written.append((name, number))

    async def main() -> None:
        link = channel()
        written: list[Any] = []
        tasks = [
            asyncio.create_task(write(link, own, name, written)) for name, own in enumerate(writers)
        ]
        await run_until_idle()
        for name in cancel:
            if name < len(tasks):
                tasks[name].cancel()
        got = 0
        turn = 0
        while True:
            await run_until_idle()
            if not len(link):
                break
            got += len(link.take(reads[turn % len(reads)]))
            turn += 1
        await asyncio.wait(tasks)
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        assert got == len(written)
        for name in range(len(tasks)):
            if name not in cancel:
                assert [number for who, number in written if who == name] == list(
                    range(len(writers[name]))
                ), "a writer was forgotten"

    run_virtual(main())


def test_a_cancelled_reader_passes_its_turn_on() -> None:
    async def main() -> None:
        link = channel()
        one = receipt(Receipts())
        first, second = asyncio.create_task(link.get(1)), asyncio.create_task(link.get(1))
        await run_until_idle()
        link.offer(1, one)
        first.cancel()
        await run_until_idle()
        assert first.cancelled()
        assert (await second)[0][0] == 1

    run_virtual(main())


def test_one_item_larger_than_the_bound_passes_alone() -> None:
    async def main() -> None:
        link = channel()
        one = receipt(Receipts())
        await link.put(MAX_BYTES * 10, one)
        waiting = asyncio.create_task(link.put(1, one))
        await run_until_idle()
        assert not waiting.done()
        assert [entry[0] for entry in await link.get(9)] == [MAX_BYTES * 10]
        await waiting
        waiting = asyncio.create_task(link.put(MAX_BYTES * 10, one))
        await run_until_idle()
        assert not waiting.done()
        await link.get(1)
        await waiting

    run_virtual(main())


def test_waiting_until_a_deadline() -> None:
    async def main() -> None:
        link = channel()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 5
        assert not await link.wait_until(deadline)
        assert loop.time() == deadline
        assert not await link.wait_until(deadline), "a deadline that is over is not waited for"
        waiting = asyncio.create_task(link.wait_until(loop.time() + 5))
        await run_until_idle()
        link.put_control(END)
        assert await waiting
        assert loop.time() == deadline

    run_virtual(main())


def test_max_bytes_holds_for_containers_of_all_sizes() -> None:
    """Small ones do not show that the next is small."""
    link = Channel("c", max_items=1000, max_bytes=1_000_000, measure=Measure())
    one = receipt(Receipts())
    held = 0
    for number in range(1000):
        item = {"a": "x" * (400_000 if number % 9 == 8 else 1)}
        while not link.offer(item, one):
            link.take(1)
        held = sum(len(entry[0]["a"]) for entry in link._entries)
        assert held <= 1_000_000
    assert 500_000 < held <= link.statistics().bytes <= 1_000_000
