"""Parquet datasets keep the contract of collectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ekspiper.core import BatchError, Collector
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.parquet import Parquet, read_records


class TestParquet(CollectorContract):
    blocks = True
    options: ClassVar[dict[str, Any]] = {}

    async def make(self, tmp_path: Path) -> Collector[Any]:
        self.path = tmp_path / "records"
        return Parquet(self.path, **self.options)

    async def stored(self) -> Sequence[Any]:
        return list(read_records(self.path))

    def bad_record(self) -> Any:
        return {"number": float("nan")}


class TestFilesAtEachCheckpoint(TestParquet):
    options: ClassVar[dict[str, Any]] = {"compact": False, "row_group_rows": 7}


class TestTinyRowGroups(TestParquet):
    options: ClassVar[dict[str, Any]] = {"row_group_rows": 3, "widen_rows": 0}


@pytest.mark.parametrize(
    "bad",
    [None, 7, ["list"], {1: "key"}, {"a": {"a", "set"}}, {"a": {2: 3}}, {"a": [float("inf")]}],
)
async def test_what_is_no_json_fails_alone(tmp_path: Path, bad: Any) -> None:
    collector = Parquet(tmp_path / "records")
    await collector.open()
    for _ in range(2):
        with pytest.raises(BatchError) as caught:
            await collector.collect([{"number": 1}, bad, {"number": 2}])
        assert list(caught.value.failures) == [1]
    await collector.close()
    numbers = [record["number"] for record in read_records(tmp_path / "records")]
    assert numbers == [1, 2, 1, 2]
