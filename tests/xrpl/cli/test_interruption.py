"""A signal ends a command in order, whenever it comes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from ekspiper.core import SIGNALS, Flow, PassThrough, Pipeline, Step, draining_on_signals
from ekspiper.core.testing import ListSource
from ekspiper.xrpl.cli._interruption import Interrupted, run_interruptible


@pytest.fixture(autouse=True, params=["asyncio", "uvloop"])
def _loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    monkeypatch.setenv("EKSPIPER_LOOP", request.param)


@pytest.fixture(autouse=True)
def _handlers_come_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


async def wait_for_a_signal(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(30)


@pytest.mark.parametrize("number", SIGNALS)
def test_before_a_pipeline(number: signal.Signals) -> None:
    with pytest.raises(Interrupted):
        run_interruptible(wait_for_a_signal(number))


@pytest.mark.parametrize("number", SIGNALS)
def test_after_a_pipeline(number: signal.Signals) -> None:
    async def work() -> None:
        flow = Flow("f", source=ListSource([1]), steps=(Step(PassThrough()),))
        run = Pipeline(flow).start()
        with draining_on_signals(run):
            await run.finish()
        await wait_for_a_signal(number)

    with pytest.raises(Interrupted):
        run_interruptible(work())


def test_without_a_signal() -> None:
    async def work() -> int:
        return 5

    assert run_interruptible(work()) == 5
