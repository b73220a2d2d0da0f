"""A replay node in its own process, so that it does not share the client's core."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ekspiper.core import Component, ConfigError

from .recording import SAMPLE

__all__ = ["ReplayProcess"]

_MODULE = "ekspiper.xrpl.replay"


class ReplayProcess(Component):
    """`async with ReplayProcess(folder) as node: node.url`, for benchmarks and tests.

    Args:
        folder: the recording; the sample without it.
        options: the keyword arguments of `ReplayNode`, those that JSON can carry.
    """

    def __init__(self, folder: Path | str = SAMPLE, **options: Any) -> None:
        self._folder = str(folder)
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        """Where WebSocket clients connect, once the node is open."""
        self.faults_injected: Counter[str] = Counter()
        """How often each kind of fault has struck; known once the node is closed."""

    async def open(self) -> None:
        """Start the process and wait until it listens. Raises ConfigError with what it said."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _MODULE, self._folder, json.dumps(self._options)),
            stdin=asyncio.subprocess.PIPE,
            # Standard error is the parent's: a traceback of the child belongs into its log.
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        # An address, or why there is none. An empty line means that it died.
        line = await self._process.stdout.readline()
        said = json.loads(line) if line else {"error": "the replay node ended before it listened"}
        if "error" in said:
            await self.close()
            raise ConfigError(said["error"])
        self.url = said["url"]

    async def close(self) -> None:
        """End the process. Closing twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            # The child ends when its standard input does, also when this process is killed.
            process.stdin.close()
            last = await process.stdout.readline()
            await process.wait()
            if last:
                self.faults_injected.update(json.loads(last)["faults"])
