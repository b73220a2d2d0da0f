"""The command line as a user runs it, nodes in processes of their own, and what is recorded."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl import replay

from .truth import Truth

MAIN = "from ekspiper.xrpl.cli import main; main()"
SAMPLE = Path(replay.__file__).parent / "sample"
FIRST, LAST = 421, 540
WITHIN = 40.0


def run(
    *arguments: object, cwd: Path | None = None, code: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run `ekspiper` to its end; its exit code must be `code`."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        cwd=cwd,
        env=_environment(env),
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Command:
    """`ekspiper` while it runs, in its own process, beside the file of its errors."""

    def __init__(self, *arguments: object, errors: Path, **env: str) -> None:
        self.errors = errors
        with errors.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", MAIN, *map(str, arguments)],
                cwd=errors.parent,
                env=_environment(env),
                stdout=subprocess.DEVNULL,
                stderr=file,
            )

    def said(self) -> str:
        """Its standard error so far."""
        return self.errors.read_text()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Return when `condition` holds; fail when the process ends before, or takes too long."""
        deadline = time.monotonic() + WITHIN
        while not condition():
            assert self.process.poll() is None, f"ended before {what}:\n{self.said()}"
            assert time.monotonic() < deadline, f"not in time: {what}\n{self.said()}"
            time.sleep(0.01)  # another process sets no event here

    def wait_said(self, pattern: str) -> re.Match[str]:
        """Wait for text on its standard error."""
        self.wait_until(lambda: bool(re.search(pattern, self.said())), pattern)
        found = re.search(pattern, self.said())
        assert found
        return found

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(WITHIN)

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(WITHIN)


Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts commands; what still runs at the end is killed."""
    started: list[Command] = []

    def go(*arguments: object, **env: str) -> Command:
        command = Command(*arguments, errors=tmp_path / f"errors-{len(started)}", **env)
        started.append(command)
        return command

    yield go
    for command in started:
        if command.process.poll() is None:
            command.end(signal.SIGKILL)


@pytest.fixture
def serve(start: Start) -> Callable[..., str]:
    """Serves a recording with `ekspiper replay`; the URL."""

    def go(folder: object = "sample", *options: object, port: int = 0) -> str:
        node = start("replay", folder, "--port", port, *options)
        return node.wait_said(r"ws://127\.0\.0\.1:\d+")[0]

    return go


class Closing:
    """The sample, served by this process, ledger by ledger as the test says.

    Args:
        options: of `ReplayNode`.
    """

    def __init__(self, *, close_every: float | None = 3600, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._recording = replay.Recording.sample()
        self._node = replay.ReplayNode(self._recording, close_every=close_every, **options)
        self._run(self._node.open())
        self.url = self._node.url

    def close(self, ledger_index: int) -> None:
        """Every ledger up to this one is closed, and subscribers are told."""
        self._loop.call_soon_threadsafe(self._node.release, ledger_index)

    def stop(self) -> None:
        """Stop serving."""
        self._run(self._node.close())
        self._recording.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN)


@pytest.fixture
def closing() -> Iterator[Closing]:
    """The sample, its ledgers closing when the test says so."""
    node = Closing()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def sample() -> Truth:
    """What the sample network holds."""
    return Truth.read(SAMPLE)


def _environment(more: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("EKSPIPER_")}
    return {**own, **more}
