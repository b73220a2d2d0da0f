"""A daemon that goes on holds its first ledger against the last one of before."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import FIRST, Running


async def run(running: Running, **settings: Any) -> None:
    """Have a daemon follow the sample network to its last ledger, by its hashes alone."""
    async with running(network="sample", trust="hashed", **settings) as daemon, asyncio.timeout(30):
        await daemon


@pytest.mark.parametrize("altered", [False, True])
async def test_the_chain_goes_on_where_it_stopped(
    running: Running, tmp_path: Path, altered: bool
) -> None:
    await run(running, until=FIRST + 1)
    file = tmp_path / "out" / "ledgers.jsonl"
    if altered:
        *before, last = file.read_text().splitlines(keepends=True)
        ledger_hash = json.loads(last)["ledger_hash"]
        file.write_text("".join([*before, last.replace(ledger_hash, "F" * 64)]))
    await run(running, until=FIRST + 3)
    rows = [json.loads(line)["ledger_index"] for line in file.read_text().splitlines()]
    letters = tmp_path / "out" / "dead_letters.jsonl"
    if altered:
        assert rows == [FIRST, FIRST + 1, FIRST + 3]
        (letter,) = letters.read_text().splitlines()
        assert f"but the ledger before it is {'F' * 64}" in letter
    else:
        assert rows == [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]
        assert not letters.exists()
