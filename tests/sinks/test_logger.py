"""The logger sink: the contract, levels, and records that are not JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.core import Collector, ConfigError
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.logger import Logger


class TestLogger(CollectorContract):
    recoverable = False
    remembers = True

    @pytest.fixture(autouse=True)
    def _capture(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        caplog.set_level("INFO")

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return Logger("a.name")

    async def stored(self) -> Sequence[Any]:
        return [orjson.loads(entry.getMessage()) for entry in self.caplog.records]

    def bad_record(self) -> Any:
        return {"x": float("nan")}


async def test_level_and_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with Logger("some.name", level="WARNING") as sink:
        await sink.collect([{"percent": "100 %s"}])
    assert caplog.record_tuples == [("some.name", logging.WARNING, '{"percent":"100 %s"}')]


async def test_a_level_that_is_off_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with Logger(level="DEBUG") as sink:
        await sink.collect([{"x": object()}])
    assert not caplog.records


def test_a_level_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"level is DEBUG, INFO, .* not 'LOUD'"):
        Logger(level="LOUD")  # type: ignore[arg-type]
