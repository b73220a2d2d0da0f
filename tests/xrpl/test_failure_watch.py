"""What is said of sinks and steps that fail."""

from __future__ import annotations

import asyncio

import pytest

from ekspiper.core import Flow, Pipeline, Step, Throttled, processor
from ekspiper.xrpl import failure_watch
from ekspiper.xrpl.failure_watch import FailureWatch


def test_one_line_at_the_start_one_a_minute_one_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="ekspiper")
    watch = FailureWatch()
    watch.look({"a/b/file": None, "a/c/fluent": None}, 0.0)
    assert caplog.messages == []
    for now in range(10, 80):
        watch.look({"a/b/file": "disk full", "a/c/fluent": None}, float(now))
    assert caplog.messages == ["a/b/file is failing: disk full; trying again"] * 2
    caplog.clear()
    watch.look({"a/b/file": "read-only", "a/c/fluent": None}, 80.0)
    watch.look({"a/b/file": None, "a/c/fluent": None}, 81.5)
    watch.look({"a/b/file": None, "a/c/fluent": None}, 82.0)
    assert caplog.messages == [
        "a/b/file is failing: read-only; trying again",
        "a/b/file works again after 71.5 s",
    ]


def test_what_fails_for_a_moment_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="ekspiper")
    watch = FailureWatch(patience=5.0)
    for now in (0.0, 4.9):
        watch.look({"a/b": "busy"}, now)
    watch.look({"a/b": None}, 4.95)
    for now in (10.0, 14.9):
        watch.look({"a/b": "busy"}, now)
    assert caplog.messages == []
    watch.look({"a/b": "busy"}, 15.0)
    watch.look({"a/b": "busy"}, 16.0)
    watch.look({"a/b": None}, 20.0)
    assert caplog.messages == [
        "a/b is failing: busy; trying again",
        "a/b works again after 10.0 s",
    ]


async def test_steps_are_watched_like_sinks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_watch, "_STEP_PATIENCE", 0.0)
    monkeypatch.setattr(failure_watch, "_LOOK_EVERY", 0.01)
    caplog.set_level("INFO", logger="ekspiper")
    refusals = 3

    @processor
    async def ask(item: int) -> int:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise Throttled(0.2, "the answer is of another ledger")
        return item

    run = Pipeline(Flow("books", source=[1], steps=(Step(ask),))).start()
    with failure_watch.watching_failures(run):
        await run.finish()
        await asyncio.sleep(0.1)
    said = [one.message for one in caplog.records if one.name == "ekspiper"]
    assert said[0] == ("books/ask is failing: the answer is of another ledger; trying again")
    assert said[-1].startswith("books/ask works again after ")
