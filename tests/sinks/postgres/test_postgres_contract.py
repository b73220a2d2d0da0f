"""What every collector must do, done by PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import Collector
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.postgres import Postgres


class TestContract(CollectorContract):
    """Without a key."""

    options: dict[str, Any] = {}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _database(self, database: Any) -> None:
        self.database = database

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return Postgres(self.database.dsn, table="records", **self.options)

    async def stored(self) -> Sequence[Any]:
        return list(Postgres.read_records(self.database.dsn, "records"))

    def bad_record(self) -> Any:
        return {"Account": "r\0"}

    async def break_sink(self) -> None:
        await asyncio.to_thread(self.database.shut)

    async def mend_sink(self) -> None:
        await asyncio.to_thread(self.database.reopen)


class TestContractWithKey(TestContract):
    """With a key, and a column whose rule only the server knows."""

    options = {"key": ["number"], "schema": {"number": "bigint", "text": "varchar(200)"}}  # noqa: RUF012

    def bad_record(self) -> Any:
        return {"number": -1, "text": "x" * 201}


class TestContractWithoutBuffer(TestContract):
    """Every batch is committed before the next, and taken back where it must be."""

    options = {"buffer_bytes": 0}  # noqa: RUF012
