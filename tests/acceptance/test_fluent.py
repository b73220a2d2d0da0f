"""Records reach a forward server that we did not write, across a restart of it in the middle."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from ..sinks.fluent.conftest import forward_server as forward_server
from ..sinks.fluent.conftest import node_modules as node_modules
from .conftest import FIRST, LAST, MAIN
from .truth import Truth

CONFIG = """
[collectors.fluent]
type = "fluent"
tag = "{network}.{records}"
port = %d
chunk_bytes = 100_000
"""


async def test_every_record_in_order_across_a_restart(
    forward_server: Callable[..., Any], tmp_path: Path, sample: Truth
) -> None:
    server = await forward_server()
    file = tmp_path / "ekspiper.toml"
    file.write_text(CONFIG % server.port)
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAIN, "daemon", "--network", "sample", "--config", str(file)),
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    await server.has_taken(300)
    await server.restart()
    _, said = await asyncio.wait_for(daemon.communicate(), 60)
    assert daemon.returncode == 0, said.decode()

    taken: dict[str, list[Any]] = {}
    for entry in server.taken():
        closed = datetime.fromisoformat(entry["record"]["close_time_iso"])
        assert entry["time"] == [closed.timestamp(), 0]
        taken.setdefault(entry["tag"], []).append(entry["record"])
    assert set(taken) == {
        f"sample.{each}" for each in ("transactions", "ledgers", "book_offers", "amms")
    }
    # Sent again means that a chunk may be stored twice; without those, all is there in order.
    rows = {tag.removeprefix("sample."): _once(records) for tag, records in taken.items()}
    sample.check_rows(rows, FIRST, LAST)


def _once(records: list[Any]) -> list[Any]:
    """The records without repetitions of what came before."""
    seen: set[str] = set()
    keys = ("hash", "ledger_index", "taker_gets", "taker_pays", "domain", "account", "amm")
    kept = []
    for record in (one for one, _ in groupby(records)):
        key = repr([record.get(each) for each in keys])
        if key not in seen:
            seen.add(key)
            kept.append(record)
    return kept
