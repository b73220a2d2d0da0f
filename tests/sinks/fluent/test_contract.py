"""The Fluent sink under the contract suite, with a real server."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ekspiper.core import Collector
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.fluent import Fluent


class TestFluent(CollectorContract):
    encoding = True
    recoverable = False
    may_double = True
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    async def _server(self, forward_server: Any) -> None:
        self.server = await forward_server()

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return Fluent("test.tag", port=self.server.port, **self.options)

    async def stored(self) -> Sequence[Any]:
        return self.server.records()

    def bad_record(self) -> Any:
        return {"amount": float("nan")}

    async def break_sink(self) -> None:
        await self.server.stop(signal.SIGKILL)

    async def mend_sink(self) -> None:
        await self.server.start()


class TestFluentSmallCompressedChunks(TestFluent):
    options: ClassVar[dict[str, Any]] = {"chunk_bytes": 1000, "compress": True}
