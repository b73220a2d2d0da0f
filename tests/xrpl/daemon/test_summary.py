"""What a daemon says when it ends."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from ekspiper.xrpl.daemon import summary
from ekspiper.xrpl.processors import Drift, DriftReport

from .conftest import FIRST, Running


@pytest.mark.parametrize(
    ("config", "where"),
    [("", "records, under `_unrecognized`"), ("[pipeline]\nstrict = true\n", "dead letters")],
)
async def test_where_is_what_did_not_fit(running: Running, config: str, where: str) -> None:
    async with running(config, network="sample", until=FIRST) as daemon, asyncio.timeout(30):
        outcome = await daemon
    assert "did not fit" not in summary(outcome)
    drift = DriftReport(59, 1, (Drift("unknown_type", "TransactionType.Other", 1, FIRST, "AB"),))
    lines = summary(replace(outcome, drift=drift)).splitlines()
    assert f"What did not fit is in the {where}." in lines
    assert any(line.startswith("Schema drift: 1 of 59 records") for line in lines)


async def test_what_to_try_next_can_be_pasted(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "my ledgers"
    async with running(network="sample", until=FIRST, out=out) as daemon, asyncio.timeout(30):
        outcome = await daemon
    (line,) = [line for line in summary(outcome).splitlines() if line.startswith("Try next:")]
    command, _, _ = line.removeprefix("Try next:").partition("|")
    assert shlex.split(command) == ["head", "-1", str(out / "transactions.jsonl")]
