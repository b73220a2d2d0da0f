"""A server that takes records stops answering without closing its connection."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..sinks.fluent.conftest import forward_server as forward_server
from ..sinks.fluent.conftest import node_modules as node_modules
from .conftest import FIRST, WITHIN, Start

CONFIG = """
[http]
sink_patience = 1
[collectors.fluent]
type = "fluent"
tag = "{network}.{records}"
port = %d
ack_timeout = 60
"""


def ready(port: int) -> list[str]:
    """The reasons why the daemon on `port` is not ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as reply:
            assert json.load(reply) == {"status": "ready"}
            return []
    except urllib.error.HTTPError as error:
        with error:
            reasons: list[str] = json.load(error)["reasons"]
            return reasons
    except urllib.error.URLError as error:
        return [str(error)]


async def test_ready_says_no_while_a_sink_hangs_and_yes_when_it_goes_on(
    forward_server: Callable[..., Any],
    start: Start,
    serve: Callable[..., str],
    free_port: int,
    tmp_path: Path,
) -> None:
    server = await forward_server()
    file = tmp_path / "ekspiper.toml"
    file.write_text(CONFIG % server.port)
    daemon = await asyncio.to_thread(
        lambda: start(
            *("daemon", "--network", serve("sample", "--close-every", "0.3")),
            *("--config", file, "--from", FIRST),
            *("--http", f"127.0.0.1:{free_port}", "--state", tmp_path / "state"),
        )
    )

    async def until(condition: Callable[[list[str]], bool]) -> list[str]:
        deadline = time.monotonic() + WITHIN
        while not condition(reasons := await asyncio.to_thread(ready, free_port)):
            assert daemon.process.poll() is None, daemon.said()
            assert time.monotonic() < deadline, reasons
            await asyncio.sleep(0.05)  # another process sets no event here
        return reasons

    await until(lambda reasons: not reasons)
    server.pause()
    try:
        reasons = await until(lambda reasons: bool(reasons))
    finally:
        server.resume()
    # One place where it stands may have noticed before the others.
    hangs = re.compile(r"fluent( \(at \d places\))? has not acknowledged a batch for ")
    assert all(hangs.search(each) for each in reasons), reasons
    await until(lambda reasons: not reasons)
