"""The event loop that commands run on: uvloop where it is installed, else that of the standard library."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from ekspiper.core import ConfigError

__all__ = ["LOOP", "run_in_event_loop"]

LOOP = "EKSPIPER_LOOP"
"""The environment variable that chooses the event loop."""

T = TypeVar("T")


def run_in_event_loop(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, on uvloop where it is installed.

    Most of what a command does for a ledger is a few turns of the loop, which uvloop makes in C: a
    backfill takes a sixth less processor time. `EKSPIPER_LOOP` chooses: `asyncio` or `uvloop`.

    Raises:
        ConfigError: `EKSPIPER_LOOP` has another value, or asks for uvloop where it is missing.
    """
    try:
        runner = _runner(os.environ.get(LOOP, ""))
    except ConfigError:
        work.close()
        raise
    with runner:
        return runner.run(work)


def _runner(choice: str) -> asyncio.Runner:
    if choice not in ("", "asyncio", "uvloop"):
        raise ConfigError(f"{LOOP}: {choice!r} is neither asyncio nor uvloop")
    if choice == "asyncio":
        return asyncio.Runner()
    try:
        import uvloop
    except ImportError:
        if choice:
            raise ConfigError(
                f"{LOOP}: uvloop is not installed: pip install 'ekspiper-xrpl[daemon]'"
            ) from None
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
