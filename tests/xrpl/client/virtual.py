"""Tests on a clock that does not wait."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from ekspiper.core.testing import run_virtual

__all__ = ["clock", "virtual"]


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a virtual clock; its nodes must have no sockets (fixture `memory`)."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        run_virtual(test(**fixtures))

    return run


def clock() -> float:
    """Seconds of the virtual clock."""
    return asyncio.get_running_loop().time()
