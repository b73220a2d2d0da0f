"""Commands that run for months give back what they do not need."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator

import pytest

from ekspiper.xrpl.cli import _memory


class Circle:
    """Refers to itself, as a connection and its callbacks do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def rarely() -> Iterator[None]:
    """Python itself collects nothing."""
    gc.disable()
    yield
    gc.enable()


async def test_circles_are_freed_again_and_again(rarely: None) -> None:
    _memory.give_back_regularly(asyncio.get_running_loop(), every=0.001)
    for _ in range(2):
        gone = asyncio.Event()
        circle = Circle()
        weakref.finalize(circle, gone.set)
        del circle
        async with asyncio.timeout(20):
            await gone.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")
async def test_free_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    trim = _memory._trim()
    if trim is None:
        pytest.skip("this C library is not glibc")
    assert trim(0) in (0, 1)
    asked = asyncio.Event()
    monkeypatch.setattr(_memory, "_trim", lambda: lambda _pad: asked.set())
    _memory.give_back_regularly(asyncio.get_running_loop(), every=0.001)
    async with asyncio.timeout(20):
        await asked.wait()


def test_a_large_process_spends_little_time_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    clock = iter([0.0, 3.0])
    monkeypatch.setattr(_memory.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(_memory, "give_back", lambda _trim: None)
    _memory.give_back_regularly(loop, every=60.0)  # type: ignore[arg-type]
    loop.callback()
    assert loop.delays == [60.0, 300.0]


class Loop:
    """Remembers what is to be called, and when."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.delays.append(delay)
        self.callback = callback
