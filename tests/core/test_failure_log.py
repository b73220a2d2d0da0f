"""The few lines that the log gets of what fails and is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ekspiper.core import (
    Collector,
    Delivery,
    FailureLog,
    Flow,
    Pipeline,
    Processor,
    Reminder,
    Retryable,
    RetryPolicy,
    Step,
    Throttled,
)
from ekspiper.core.testing import ListSource, run_virtual

AT_ONCE = RetryPolicy(elapsed=None, first=0, longest=0)


@pytest.fixture(autouse=True)
def _all_lines(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


def fail(reasons: Callable[[int], str], seconds: int, **options: Any) -> None:
    async def main() -> None:
        with FailureLog("f/s", **options) as failures:
            for second in range(seconds):
                failures.met(reasons(second))
                assert failures.reason == reasons(second)
                await asyncio.sleep(1)
        assert failures.reason is None

    run_virtual(main())


def test_one_line_at_the_start_one_a_minute_one_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fail(lambda second: "disk full", 70)
    failing = "f/s is failing: disk full; trying again"
    assert caplog.messages == [failing, failing, "f/s works again after 70.0 s"]


def test_another_reason_is_another_line(caplog: pytest.LogCaptureFixture) -> None:
    fail(lambda second: "disk full" if second < 5 else "read-only", 10)
    assert caplog.messages == [
        "f/s is failing: disk full; trying again",
        "f/s is failing: read-only; trying again",
        "f/s works again after 10.0 s",
    ]


def test_what_fails_for_a_moment_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    fail(lambda second: "busy", 5, patience=5.0)
    assert caplog.messages == []
    fail(lambda second: "busy", 6, patience=5.0)
    assert caplog.messages == [
        "f/s is failing: busy; trying again",
        "f/s works again after 6.0 s",
    ]


def test_what_ends_in_failure_does_not_work_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with FailureLog("f/s") as failures:
            failures.met("busy")
            raise OSError

    with pytest.raises(OSError):
        run_virtual(main())
    assert caplog.messages == ["f/s is failing: busy; trying again"]


def test_a_pipeline_tells_of_its_steps_and_sinks(caplog: pytest.LogCaptureFixture) -> None:
    class Busy(Processor[int, int]):
        left = 8

        async def process(self, item: int) -> list[int]:
            self.left -= 1
            if self.left > 0:
                raise Throttled(1, "the server is busy")
            return [item]

    class Full(Collector[int]):
        left = 3

        async def collect(self, batch: Any) -> None:
            self.left -= 1
            if self.left > 0:
                raise Retryable("the disk is full")

    sink = Delivery(Full(), name="file", retry=AT_ONCE)
    step = Step(Busy(), name="ask", collectors=(sink,))
    run_virtual(Pipeline(Flow("f", source=ListSource([1]), steps=(step,))).run())
    assert caplog.messages == [
        "f/ask is failing: the server is busy; trying again",
        "f/ask works again after 7.0 s",
        "f/ask/file is failing: the disk is full; trying again",
        "f/ask/file works again after 0.0 s",
    ]


def test_a_reminder_is_due_when_the_line_is_new_and_once_a_minute() -> None:
    reminder = Reminder()
    assert not reminder.has_spoken
    assert reminder.is_due("disk full", 0.0)
    assert not reminder.is_due("disk full", 59.0)
    assert reminder.is_due("disk full", 60.0)
    assert reminder.is_due("read-only", 61.0)
    assert reminder.has_spoken
    reminder.forget()
    assert not reminder.has_spoken
    assert reminder.is_due("read-only", 62.0)
