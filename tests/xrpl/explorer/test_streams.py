"""New ledgers, sources for pipelines of one's own, and runs in the background."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import (
    CheckpointError,
    CommitPolicy,
    ConfigError,
    FileCheckpoint,
    Flow,
    FlowFailed,
    PassThrough,
    Pipeline,
    Step,
    processor,
    registry,
)
from ekspiper.core.testing import RecordingCollector
from ekspiper.xrpl import Explorer
from ekspiper.xrpl.replay import Recording, ReplayNode


@processor
def name(record: dict[str, Any]) -> str:
    return str(record.get("hash") or record["ledger_hash"])


def wire(source: Any, kept: RecordingCollector) -> Pipeline:
    return Pipeline(Flow("names", source=source, steps=(Step(name, collectors=(kept,)),)))


async def test_following_gives_every_ledger_of_the_sample_once(xrpl: Explorer) -> None:
    seen = [ledger.ledger_index async for ledger in xrpl.follow(pace=0)]

    assert seen == list(range(421, 541))


async def test_following_a_node_by_its_url(sample: Recording) -> None:
    async with (
        ReplayNode(sample, close_every=0, start_at=528) as node,
        Explorer(node.url, cache=False, progress=False) as xrpl,
    ):
        seen = [ledger.ledger_index async for ledger in xrpl.follow(5)]
    assert seen == list(range(seen[0], seen[0] + 5))


async def test_a_pace_is_kept(xrpl: Explorer) -> None:
    loop = asyncio.get_running_loop()
    times = [loop.time() async for _ in xrpl.follow(4, pace=0.05)]

    # An event loop may wake up a tick of its clock early.
    assert times[-1] - times[0] >= 3 * 0.05 - 0.01


async def test_showing_prints_lines_outside_of_a_notebook_and_returns_the_table(
    xrpl: Explorer, capsys: pytest.CaptureFixture[str]
) -> None:
    table = await xrpl.follow(3, pace=0).show()

    assert table["ledger_index"].tolist() == [421, 422, 423]
    assert capsys.readouterr().out.count("<Ledger 42") == 3


async def test_a_source_of_a_range_gives_what_the_table_has(
    xrpl: Explorer, tables: dict[str, Any]
) -> None:
    kept = RecordingCollector()
    report = await xrpl.run(wire(xrpl.source("421:540"), kept))

    assert kept.items == tables["transactions"]["hash"].tolist()
    assert report.kept == len(kept.items)


async def test_a_source_of_ledgers(xrpl: Explorer, tables: dict[str, Any]) -> None:
    kept = RecordingCollector()
    await xrpl.run(wire(xrpl.source("421:540", of="ledgers"), kept))

    assert kept.items == tables["ledgers"]["ledger_hash"].tolist()


async def test_a_live_source(xrpl: Explorer, tables: dict[str, Any]) -> None:
    kept = RecordingCollector()
    await xrpl.run(wire(xrpl.source(), kept))

    assert kept.items == tables["transactions"]["hash"].tolist()


async def test_a_pipeline_goes_on_in_the_middle_of_a_ledger(
    xrpl: Explorer, tmp_path: Path, tables: dict[str, Any]
) -> None:
    checkpoint = FileCheckpoint(tmp_path / "checkpoint.json")
    first, second = RecordingCollector(), RecordingCollector()
    options: dict[str, Any] = {"checkpoint": checkpoint, "commit": CommitPolicy(items=7)}
    running = xrpl.start(wire(xrpl.source("421:540"), first), **options)
    await first.wait_for(100)
    await running.stop()
    assert 100 <= len(first.items) < len(tables["transactions"])

    await xrpl.run(wire(xrpl.source("421:540"), second), **options)
    assert first.items + second.items == tables["transactions"]["hash"].tolist()
    with pytest.raises(CheckpointError):
        await xrpl.run(wire(xrpl.source("421:538"), second), **options)


async def test_a_run_in_the_background_is_watched_and_stopped(xrpl: Explorer) -> None:
    kept = RecordingCollector()
    running = xrpl.start(wire(xrpl.source(), kept))
    seen = await running.watch(until=50)

    assert sum(source.read for source in seen.sources.values()) >= 50
    assert not running.is_done
    assert "running" in repr(running)
    assert "step names/name" in running._repr_html_()
    report = await running.stop()
    assert report.kept == report.read == len(kept.items)
    assert running.is_done
    assert "done" in repr(running)


async def test_a_run_that_fails_says_why(xrpl: Explorer) -> None:
    def wrong(record: dict[str, Any]) -> None:
        raise ValueError("nobody expected this")

    pipeline = Pipeline(Flow("bad", source=xrpl.source("-1:"), steps=(Step(wrong),)))
    with pytest.raises(FlowFailed, match="nobody expected this"):
        await xrpl.run(pipeline)


async def test_a_source_of_ledgers_nobody_holds_says_so(xrpl: Explorer) -> None:
    with pytest.raises(FlowFailed, match="the newest ledger is 540, later ones have not closed"):
        await xrpl.run(wire(xrpl.source("640:740"), RecordingCollector()))


async def test_the_collector_of_data_frames_is_found_by_name(
    xrpl: Explorer, tables: dict[str, Any]
) -> None:
    if "dataframe" not in registry.known("collectors"):
        pytest.skip("ekspiper-sinks is not installed")
    collector = registry.load("collectors", "dataframe")()
    flow = Flow(
        "all", source=xrpl.source("-5:"), steps=(Step(PassThrough(), collectors=(collector,)),)
    )
    await xrpl.run(Pipeline(flow))

    assert (
        collector.to_frame()["hash"].tolist()
        == tables["transactions"]["hash"].tolist()[-len(collector) :]
    )


async def test_a_backfill_fetches_what_is_missing(xrpl: Explorer, tmp_path: Path) -> None:
    if "parquet" not in registry.known("collectors"):
        pytest.skip("ekspiper-sinks is not installed")
    first = await xrpl.backfill("421:428", tmp_path / "out")
    again = await xrpl.backfill("421:438", tmp_path / "out")
    nothing = await xrpl.backfill("423:433", tmp_path / "out")

    assert (first.present, first.fetched) == (0, 8)
    assert (again.present, again.fetched) == (8, 10)
    assert (nothing.present, nothing.fetched) == (11, 0)
    with pytest.raises(ConfigError, match="belongs to"):
        await xrpl.backfill("421:428", tmp_path / "out", format="jsonl")
