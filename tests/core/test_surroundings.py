"""The core leaves the program and the machine around it as they are, and asks little of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from ekspiper.core import Flow, PassThrough, Pipeline, Step
from ekspiper.core.testing import ListSource, Pause, RecordingCollector


def run_in_fresh_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_module_is_imported_where_there_is_no_fcntl() -> None:
    """As on Windows."""
    run_in_fresh_python(
        """
        import importlib, pkgutil, sys
        sys.modules["fcntl"] = None
        import ekspiper.core
        for module in pkgutil.walk_packages(ekspiper.core.__path__, "ekspiper.core."):
            importlib.import_module(module.name)
        """
    )


def test_importing_it_changes_no_logger_of_others() -> None:
    told = run_in_fresh_python(
        """
        import logging
        import ekspiper.core
        for name, logger in logging.Logger.manager.loggerDict.items():
            if getattr(logger, "filters", []) or getattr(logger, "handlers", []):
                print(name)
        print(logging.getLogger().handlers + logging.getLogger().filters)
        """
    )
    assert told == "[]\n"


def test_no_switch_of_another_library_turns_retries_off() -> None:
    """stamina has one, for tests: a host program that uses it must not lose our items."""
    told = run_in_fresh_python(
        """
        import asyncio, sys, types
        calls = 0
        try:
            import stamina
            stamina.set_active(False)
        except ImportError:
            pass
        from ekspiper.core import Flow, Pipeline, Retryable, RetryPolicy, Step, processor
        @processor
        async def flaky(item):
            global calls
            calls += 1
            if calls < 3:
                raise Retryable("busy")
            return item
        step = Step(flaky, retry=RetryPolicy(first=0, longest=0))
        report = asyncio.run(Pipeline(Flow("f", source=[1], steps=(step,))).run())
        print(calls, report.kept, "stamina" in sys.modules and stamina.is_active())
        """
    )
    assert told.split()[:2] == ["3", "1"]


@pytest.mark.parametrize("without", [False, True], ids=["loop", "no handlers in the loop"])
async def test_a_signal_drains_also_where_the_loop_handles_none(
    monkeypatch: pytest.MonkeyPatch, without: bool
) -> None:
    """As on Windows, whose event loops have no signal handlers."""

    def missing(*_: Any) -> None:
        raise NotImplementedError

    if without:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "add_signal_handler", missing)
        monkeypatch.setattr(loop, "remove_signal_handler", missing)
    before = signal.getsignal(signal.SIGTERM)
    sink = RecordingCollector()
    source = ListSource([1, 2, Pause(), 3])
    flow = Flow("f", source=source, steps=(Step(PassThrough(), collectors=(sink,)),))
    task = asyncio.create_task(Pipeline(flow).run(signals=True))
    await sink.wait_for(2)
    os.kill(os.getpid(), signal.SIGTERM)
    report = await task
    assert (report.drained, sink.items) == (True, [1, 2])
    assert signal.getsignal(signal.SIGTERM) is before
