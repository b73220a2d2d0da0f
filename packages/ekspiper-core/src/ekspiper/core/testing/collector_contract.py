"""What every collector must do, as tests that a test class inherits."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ..collector import BatchPolicy, Collector, Encoding, Recoverable, State
from ..errors import BatchError, is_retryable
from ..json_line import JsonLine, LineBlock
from ._contracts import leave_out, needs

__all__ = ["CollectorContract"]


class CollectorContract:
    """Inherit it in a test class, and say how to make the collector and how to read its records.

    ::

        class TestMySink(CollectorContract):
            async def make(self, tmp_path):
                self.path = tmp_path / "records"
                return MySink(self.path)

            async def stored(self):
                return read(self.path)

    Needs pytest, and pytest-asyncio in auto mode. Each test gets a new instance and an empty
    `tmp_path`. A test may call `make` several times, always for the same sink.
    """

    may_double = False
    """Whether a record may be stored twice after a failure or a cancellation within one run. A sink
    over a network cannot know whether its last request arrived."""

    remembers = True
    """Whether a collector that is made later finds what was stored."""

    recoverable = True
    """Whether the collector is `Recoverable`."""

    encoding = False
    """Whether the collector is `Encoding`."""

    blocks = False
    """Whether the collector takes records as a `LineBlock`."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        has_bad_record = cls.bad_record is not CollectorContract.bad_record
        leave_out(
            cls,
            {
                "a bad record": has_bad_record,
                "blocks": cls.blocks,
                "encoding": cls.encoding,
                "encoding of a bad record": cls.encoding and has_bad_record,
                "a sink that fails": cls.break_sink is not CollectorContract.break_sink,
                "a sink that remembers": cls.remembers,
                "recovery": cls.recoverable,
            },
        )

    async def make(self, tmp_path: Path) -> Collector[Any]:
        """A new collector, not open, over the sink of this test."""
        raise NotImplementedError

    async def stored(self) -> Sequence[Any]:
        """The records in the sink now, in order. Called when the collector is closed."""
        raise NotImplementedError

    def record(self, number: int) -> Any:
        """A record that the sink can keep, different for each number."""
        return {"number": number, "Account": f"r{number}", "list": [{"é": None}], "text": "x" * 200}

    def bad_record(self) -> Any:
        """A record that the sink can never keep; without one, its tests are left out."""
        raise NotImplementedError

    async def break_sink(self) -> None:
        """Make the sink fail from now on; without it the tests of failure are left out."""
        raise NotImplementedError

    async def mend_sink(self) -> None:
        """Undo `break_sink`."""

    def records(self, first: int, count: int) -> list[Any]:
        """Records with consecutive numbers."""
        return [self.record(number) for number in range(first, first + count)]

    async def opened(self, tmp_path: Path, state: State | None = None) -> Collector[Any]:
        """A collector as the runner prepares it for the first batch."""
        collector = await self.make(tmp_path)
        await collector.open()
        if isinstance(collector, Recoverable):
            await collector.restore(state)
        return collector

    async def finish(self, collector: Collector[Any], position: Any = 1) -> State | None:
        """Do what the runner does at the end: take a last snapshot, then close."""
        state = None
        if isinstance(collector, Recoverable):
            # Before it is closed: what no snapshot covers may be dropped by `close`.
            state = await collector.snapshot(position)
        await collector.close()
        return state

    def once(self, records: Sequence[Any]) -> list[Any]:
        """The records without repetitions, if the sink may repeat them."""
        if not self.may_double:
            return list(records)
        return list({json.dumps(record, sort_keys=True): record for record in records}.values())

    async def test_it_recovers_or_says_that_it_does_not(self, tmp_path: Path) -> None:
        assert isinstance(await self.make(tmp_path), Recoverable) is self.recoverable

    async def test_it_encodes_or_says_that_it_does_not(self, tmp_path: Path) -> None:
        assert isinstance(await self.make(tmp_path), Encoding) is self.encoding

    async def test_it_takes_blocks_or_says_that_it_does_not(self, tmp_path: Path) -> None:
        collector = await self.make(tmp_path)
        assert getattr(collector, "takes_blocks", False) is self.blocks
        assert not self.blocks or getattr(collector, "takes_lines", False)

    async def test_closes_twice(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        await collector.close()
        await collector.close()

    async def test_closes_without_having_been_opened(self, tmp_path: Path) -> None:
        collector = await self.make(tmp_path)
        await collector.close()

    async def test_its_batch_policy_is_one(self, tmp_path: Path) -> None:
        collector = await self.make(tmp_path)
        policy = getattr(collector, "batch_policy", None)
        assert policy is None or isinstance(policy, BatchPolicy)

    async def test_keeps_batches_in_order(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        for first in range(0, 60, 20):
            await collector.collect(self.records(first, 20))
        await self.finish(collector)
        assert list(await self.stored()) == self.records(0, 60)

    async def test_an_empty_batch_keeps_nothing(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        await collector.collect([])
        await collector.collect(self.records(0, 1))
        await collector.collect([])
        await self.finish(collector)
        assert list(await self.stored()) == self.records(0, 1)

    async def test_takes_any_sequence_and_changes_no_record(self, tmp_path: Path) -> None:
        # Not a list, which a collector might take for its own and change.
        batch = tuple(self.records(0, 3))
        before = copy.deepcopy(batch)
        collector = await self.opened(tmp_path)
        await collector.collect(batch)
        await self.finish(collector)
        assert batch == before

    @needs("a bad record")
    async def test_a_bad_record_fails_alone(self, tmp_path: Path) -> None:
        bad = self.bad_record()
        collector = await self.opened(tmp_path)
        with pytest.raises(BatchError) as caught:
            await collector.collect([self.record(0), bad, self.record(2)])
        assert list(caught.value.failures) == [1]
        assert not is_retryable(caught.value.failures[1])
        await collector.collect(self.records(3, 1))
        await self.finish(collector)
        assert list(await self.stored()) == [self.record(0), self.record(2), self.record(3)]

    @needs("a bad record")
    async def test_a_batch_of_bad_records_only(self, tmp_path: Path) -> None:
        bad = self.bad_record()
        collector = await self.opened(tmp_path)
        with pytest.raises(BatchError) as caught:
            await collector.collect([bad, bad])
        assert sorted(caught.value.failures) == [0, 1]
        await self.finish(collector)
        assert list(await self.stored()) == []

    @needs("a sink that fails")
    async def test_a_failed_batch_is_kept_when_it_comes_again(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        await collector.collect(self.records(0, 5))
        await self.break_sink()
        batch = self.records(5, 5)
        # Twice: a failed try must not leave half a batch behind that the next one completes.
        for _ in range(2):
            with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is, it says that it can be tried again
                await collector.collect(batch)
            assert is_retryable(caught.value)
        await self.mend_sink()
        await collector.collect(batch)
        await collector.collect(self.records(10, 5))
        await self.finish(collector)
        assert self.once(await self.stored()) == self.records(0, 15)

    @needs("a sink that fails")
    async def test_closes_while_the_sink_fails(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        await collector.collect(self.records(0, 5))
        await self.break_sink()
        await collector.close()
        await self.mend_sink()

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    async def test_a_cancelled_batch_may_come_again(self, tmp_path: Path, turns: int) -> None:
        collector = await self.opened(tmp_path)
        await collector.collect(self.records(0, 5))
        batch = self.records(5, 200)
        task = asyncio.ensure_future(collector.collect(batch))
        # Cancelled at several moments: before it begins, in the middle, and perhaps when it is
        # done.
        for _ in range(turns):
            await asyncio.sleep(0)
        kept = not task.cancel()
        if not kept:
            try:
                await task
                kept = True
            except asyncio.CancelledError:
                await collector.collect(batch)
        await collector.collect(self.records(205, 5))
        await self.finish(collector)
        assert self.once(await self.stored()) == self.records(0, 210)

    async def test_closes_after_a_cancelled_batch(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        task = asyncio.ensure_future(collector.collect(self.records(0, 200)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await collector.close()

    @needs("a sink that remembers")
    async def test_reopening_goes_on(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        await collector.collect(self.records(0, 5))
        state = await self.finish(collector, position=1)
        collector = await self.opened(tmp_path, state)
        await collector.collect(self.records(5, 5))
        await self.finish(collector, position=2)
        assert list(await self.stored()) == self.records(0, 10)

    @needs("a sink that remembers")
    async def test_without_a_checkpoint_nothing_is_destroyed(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        await collector.collect(self.records(0, 5))
        await self.finish(collector)
        collector = await self.opened(tmp_path, None)
        await self.finish(collector)
        assert list(await self.stored()) == self.records(0, 5)

    @needs("recovery")
    async def test_restore_undoes_what_came_after_the_snapshot(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        assert isinstance(collector, Recoverable)
        await collector.collect(self.records(0, 5))
        state = await collector.snapshot(7)
        assert state is not None
        # The checkpoint is a file of JSON, so a tuple would come back as a list.
        assert json.loads(json.dumps(state)) == state
        await collector.collect(self.records(5, 5))
        await collector.close()

        collector = await self.make(tmp_path)
        assert isinstance(collector, Recoverable)
        await collector.open()
        assert await collector.restore(state) in (None, 7)
        await collector.collect(self.records(100, 5))
        await self.finish(collector, position=8)
        assert list(await self.stored()) == self.records(0, 5) + self.records(100, 5)

    @needs("recovery")
    async def test_restore_undoes_everything_after_a_snapshot_before_the_first_item(
        self, tmp_path: Path
    ) -> None:
        collector = await self.opened(tmp_path)
        assert isinstance(collector, Recoverable)
        state = await collector.snapshot(None)
        assert state is not None
        await collector.collect(self.records(0, 5))
        await collector.close()
        collector = await self.opened(tmp_path, json.loads(json.dumps(state)))
        await collector.collect(self.records(100, 5))
        await self.finish(collector, position=1)
        assert list(await self.stored()) == self.records(100, 5)

    @needs("recovery")
    async def test_a_snapshot_can_be_taken_at_any_time(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        assert isinstance(collector, Recoverable)
        empty = await collector.snapshot(1)
        assert empty is not None
        await collector.collect(self.records(0, 5))
        await collector.snapshot(2)
        await collector.snapshot(3)
        await collector.close()
        collector = await self.opened(tmp_path)
        await self.finish(collector, position=4)
        assert list(await self.stored()) == self.records(0, 5)

    @needs("encoding")
    async def test_encoded_records_are_kept_like_records(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        assert isinstance(collector, Encoding)
        await collector.collect(self.records(0, 5))
        await collector.collect_encoded([collector.encode(one) for one in self.records(5, 5)])
        await collector.collect_encoded([])
        await collector.collect(self.records(10, 5))
        await self.finish(collector)
        assert list(await self.stored()) == self.records(0, 15)

    @needs("encoding")
    async def test_what_was_encoded_can_be_decoded(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        assert isinstance(collector, Encoding)
        record = self.record(1)
        encoded = collector.encode(record)
        assert isinstance(encoded, bytes)
        assert collector.decode(encoded) == record == self.record(1)
        await collector.close()

    @needs("encoding of a bad record")
    async def test_a_bad_record_is_not_encoded(self, tmp_path: Path) -> None:
        bad = self.bad_record()
        collector = await self.opened(tmp_path)
        assert isinstance(collector, Encoding)
        with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is, it is final
            collector.encode(bad)
        assert not is_retryable(caught.value)
        await collector.close()

    @needs("blocks")
    async def test_a_block_is_kept_like_the_records_in_it(self, tmp_path: Path) -> None:
        collector = await self.opened(tmp_path)
        lines = [json.dumps(one).encode() + b"\n" for one in self.records(0, 12)]
        block, single = LineBlock(b"".join(lines[:10]), 10), JsonLine(lines[10])
        if isinstance(collector, Encoding):
            await collector.collect_encoded([block, collector.encode(single)])  # type: ignore[list-item]
        else:
            await collector.collect([block, single])
        await collector.collect([self.record(11)])
        await self.finish(collector)
        assert list(await self.stored()) == self.records(0, 12)
