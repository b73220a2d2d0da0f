"""Records as JSON lines on standard output."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ekspiper.core import BatchError, Collector, Permanent

from ._json import json_lines

__all__ = ["StandardOutput"]

# There is one standard output: collectors of several kinds of records take turns.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

_PIECE = select.PIPE_BUF  # a pipe that is ready takes this much without blocking


class StandardOutput(Collector[Any]):
    """Prints each record as a line of JSON. Kept means that the operating system has taken it.

    A slow reader, such as a paused pager, holds back this flow only, as the event loop is never
    blocked. When the reader is gone, `collect` raises `Permanent`.
    """

    takes_lines = takes_blocks = True

    def __init__(self) -> None:
        self._begun = b""  # the rest of a line that a cancelled call wrote in part

    async def collect(self, batch: Sequence[Any]) -> None:
        """Print each record of the batch."""
        lines, failures = json_lines(batch)
        turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        try:
            async with turn:
                await self._write(b"".join(lines))
        except BrokenPipeError:
            raise Permanent("standard output was closed by its reader") from None
        if failures:
            raise BatchError(failures)

    async def _write(self, lines: bytes) -> None:
        out = sys.__stdout__
        if out is None or out is not sys.stdout:  # captured, as in a notebook
            print(lines.decode(), end="")
            return
        out.flush()
        descriptor = out.fileno()
        text = self._begun + lines
        written = 0
        try:
            while written < len(text):
                written += await _write_some(descriptor, memoryview(text)[written:])
        finally:
            self._begun = _begun_line(text, written) if written else self._begun


def _begun_line(text: bytes, written: int) -> bytes:
    """The rest of the line in which the writing stopped; nothing where a line had ended."""
    if text[written - 1 : written] == b"\n":
        return b""
    return text[written : text.index(b"\n", written) + 1]


async def _write_some(descriptor: int, text: memoryview) -> int:
    """Write when the descriptor takes it; the number of bytes written."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_writer(descriptor, ready.set)
    except PermissionError:  # a regular file is always ready, and epoll does not take one
        return os.write(descriptor, text)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
    return os.write(descriptor, text[:_PIECE])
