"""A daemon that is killed at any moment leaves records and proofs that belong together."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson

from ekspiper.xrpl.attestation import Evidence
from ekspiper.xrpl.replay import SAMPLE, ReplayProcess
from ekspiper.xrpl.trustees import read_trustees

FIRST, LAST = 480, 540


async def start(url: str, trust: str, out: Path) -> asyncio.subprocess.Process:
    arguments = ("--network", url, "--out", out, "--trust", trust, "--http", "off")
    span = ("--from", FIRST, "--until", LAST)
    command = (sys.executable, "-m", "ekspiper.xrpl", "daemon", *map(str, (*arguments, *span)))
    return await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)


async def grown(path: Path, size: int) -> int:
    """Wait until a file is larger, as work is being done then; its size."""
    async with asyncio.timeout(60):
        while not path.exists() or path.stat().st_size <= size:  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
    return path.stat().st_size  # noqa: ASYNC240


async def test_kill_9_and_the_folder_still_proves_itself(tmp_path: Path) -> None:
    path, out = Path(SAMPLE) / "vl.json", tmp_path / "out"
    trust = f"{orjson.loads(path.read_bytes())['public_key']}={path}"
    async with ReplayProcess(close_every=0.15, start_at=FIRST) as node:
        size = 0
        for _ in range(3):
            daemon = await start(node.url, trust, out)
            size = await grown(out / "ledgers.jsonl", size)
            daemon.kill()
            await daemon.wait()
        daemon = await start(node.url, trust, out)
        async with asyncio.timeout(100):
            assert await daemon.wait() == 0
    evidence = Evidence.of_folder(out, read_trustees([trust]))
    assert sorted(evidence.recorded) == list(range(FIRST, LAST + 1))
    assert evidence.unsigned() == {}
    assert evidence.faults == []
    assert 512 in evidence.ledgers or LAST in evidence.ledgers
