"""What every collector must do, done by tables of a lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from ekspiper.core import Collector
from ekspiper.core.testing.collector_contract import CollectorContract

from .lakes import Format, make, stored


class TestDelta(CollectorContract):
    kind: Format = "delta"
    blocks = True
    options: ClassVar[dict[str, Any]] = {}

    async def make(self, tmp_path: Path) -> Collector[Any]:
        self.path = tmp_path
        return make(self.kind, tmp_path, **self.options)

    async def stored(self) -> Sequence[Any]:
        return stored(self.kind, self.path)

    def bad_record(self) -> Any:
        return {"number": float("nan")}


class TestDeltaWithoutBuffer(TestDelta):
    """Batches are committed before the next, and taken back where they must be."""

    options: ClassVar[dict[str, Any]] = {"buffer_bytes": 1}


class TestIceberg(TestDelta):
    kind: Format = "iceberg"


class TestIcebergWithoutBuffer(TestIceberg):
    options: ClassVar[dict[str, Any]] = {"buffer_bytes": 1}
