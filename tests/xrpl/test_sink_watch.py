"""What is said of sinks that fail."""

from __future__ import annotations

import pytest

from ekspiper.xrpl.sink_watch import SinkWatch


def test_one_line_at_the_start_one_a_minute_one_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="ekspiper")
    watch = SinkWatch()
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
        "a/b/file takes records again after 71.5 s",
    ]
