"""Ranges sent to collectors: each ledger once, whenever it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError, Delivery, Permanent, Run
from ekspiper.core.testing import RecordingCollector
from ekspiper.xrpl.backfill import RangeDelivery, lane_of
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import Recording, ReplayNode

Send = Callable[..., RangeDelivery]


class Stopping(RecordingCollector):
    """Drains the run when so many records have come."""

    run: Run | None = None
    after = 0

    async def collect(self, batch: Sequence[Any]) -> None:
        await super().collect(batch)
        if self.run is not None and len(self.items) >= self.after:
            self.run.drain()


@pytest.fixture
def ledgers() -> Stopping:
    return Stopping()


@pytest.fixture
def send(pool: NodePool, tmp_path: Path, ledgers: Stopping) -> Send:
    """A delivery of ranges to `ledgers`, with its state in one folder."""

    def go(*ranges: str, by: NodePool = pool, **options: Any) -> RangeDelivery:
        folder = OutputFolder(tmp_path / "state", command="backfill", option="--state", tables=())
        return RangeDelivery(by, ranges, folder, {"ledgers": [Delivery(ledgers)]}, **options)

    return go


def indexes(collector: RecordingCollector) -> list[int]:
    return [record["ledger_index"] for record in collector.items]


@pytest.mark.parametrize("backwards", [False, True])
async def test_what_is_stopped_continues_and_sends_nothing_twice(
    send: Send, ledgers: Stopping, backwards: bool
) -> None:
    options = {"backwards": backwards, "concurrency": 1}
    for stop_after in (5, 60, 1000):
        job = send("421:478", "488:540", **options)
        await job.plan()
        ledgers.run, ledgers.after = job.start(), stop_after
        await ledgers.run.finish()
        report = job.conclude(ledgers.run)
        assert report.before + report.sent + len(report.left) == len(report.wanted) == 111
        assert len(ledgers.items) == report.before + report.sent
    assert not report.left
    wanted = [*range(421, 479), *range(488, 541)]
    assert indexes(ledgers) == (wanted[::-1] if backwards else wanted)
    job = send("421:478", "488:540", **options)
    await job.plan()
    assert (str(job.left), job.conclude().before) == ("empty", 111)


async def test_the_newest_ledgers_stay_the_same_ones(
    send: Send, ledgers: Stopping, sample: Recording
) -> None:
    async with (
        ReplayNode(sample, close_every=3600, start_at=528) as node,
        NodePool(node.url) as early,
    ):
        job = send("-5:", by=early, concurrency=1)
        await job.plan()
        ledgers.run, ledgers.after = job.start(), 1
        await ledgers.run.finish()
        newest = job.wanted.last
    again = send("-5:", concurrency=1)
    await again.plan()
    assert (again.wanted.first, again.wanted.last) == (newest - 4, newest)
    ledgers.run = None
    await again.start().finish()
    assert indexes(ledgers) == list(range(newest - 4, newest + 1))


async def test_what_is_missing_has_a_reason(send: Send, ledgers: Stopping) -> None:
    job = send("419:422")
    await job.plan()
    run = job.start()
    await run.finish()
    report = job.conclude(run)
    assert (report.sent, str(report.left), sorted(report.failed)) == (2, "empty", [419, 420])
    assert [str(each) for each in report.missing.values()] == ["419-420"]


async def test_other_options_are_another_backfill(send: Send) -> None:
    job = send("421:422")
    await job.plan()
    await job.start().finish()
    with pytest.raises(ConfigError, match="give the same options as before, or choose another"):
        await send("421:422", verify=False).plan()


async def test_a_record_that_a_collector_refuses_is_a_dead_letter(
    pool: NodePool, tmp_path: Path
) -> None:
    class Refusing(RecordingCollector):
        async def collect(self, batch: Sequence[Any]) -> None:
            raise Permanent("not this one")

    folder = OutputFolder(tmp_path, command="backfill", tables=())
    job = RangeDelivery(pool, ["421:421"], folder, {"ledgers": [Delivery(Refusing())]})
    await job.plan()
    run = job.start()
    await run.finish()
    assert job.conclude(run).failed == {421: "not this one"}
    assert "not this one" in (tmp_path / "dead_letters.jsonl").read_text()


@pytest.mark.parametrize(
    ("ranges", "lane"),
    [
        (["421:540"], "backfill-421-540"),
        (["421:+20"], "backfill-421-+20"),
        (["-100:"], "backfill-newest-100"),
        (["421:", "1:2"], "backfill-421-_1-2"),
    ],
)
def test_a_lane_is_named_after_its_ranges(ranges: list[str], lane: str) -> None:
    assert lane_of(ranges) == lane


def test_a_lane_has_a_name_that_files_and_tables_can_have() -> None:
    many = [f"{number}:{number + 1}" for number in range(1000, 2000, 3)]
    assert len(lane_of(many)) <= 40
    assert lane_of(many) != lane_of(many[:-1])
