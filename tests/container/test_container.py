"""The container follows a network, drains, is killed, resumes; it is small, and not root's."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.replay import Recording

from ..acceptance.conftest import serve as serve
from ..acceptance.conftest import start as start
from .conftest import BASE, Engine

pytestmark = pytest.mark.timeout(1200)

OURS_AT_MOST = 130e6
"""Bytes that we put on top of Debian and its Python."""
STARTED_WITHIN = 30.0
"""Seconds, on a busy machine."""


@pytest.fixture
def daemon(
    engine: Engine, image: str, serve: Callable[..., str], free_port: int, tmp_path: Path
) -> Iterator[Daemon]:
    """A container that follows a node on this machine; its state in a volume."""
    daemon = Daemon(engine, image, serve("sample", "--close-every", "0.2"), free_port)
    yield daemon
    daemon.remove()


class Daemon:
    """One container and its volume."""

    def __init__(self, engine: Engine, image: str, node: str, port: int) -> None:
        self._engine = engine
        self.name = f"ekspiper-test-{port}"
        self._port = port
        engine(
            "create",
            *engine.options,
            *("--name", self.name, "--network", "host", "--volume", f"{self.name}:/state"),
            *("--env", f"EKSPIPER_HTTP__PORT={port}", "--stop-timeout", "60"),
            *(image, "daemon", "--network", node, "--out", "/state", "--from", 421),
        )

    def start(self) -> None:
        self._engine("start", self.name)

    def end(self, how: str) -> int:
        """`stop` or `kill` it; its exit code."""
        self._engine(how, self.name)
        return int(self._engine("wait", self.name))

    def inspect(self) -> Any:
        return json.loads(self._engine("inspect", self.name))[0]

    def logs(self) -> str:
        return self._engine("logs", self.name)

    def run(self, *command: object, check: bool = True) -> str:
        """Run a command in the container."""
        return self._engine("exec", self.name, *command, check=check)

    def until_it_answers(self) -> float:
        """When `/health` answers for the first time."""
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/health", timeout=5):
                    return time.monotonic()
            except OSError:
                assert time.monotonic() < deadline, self.logs()
                time.sleep(0.02)  # a container sets no event here

    def until_rows(self, count: int) -> None:
        """Wait until so many ledgers are recorded."""
        deadline = time.monotonic() + 60
        while self.rows() < count:
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.2)  # a container sets no event here

    def rows(self) -> int:
        found = self.run("wc", "-l", "/state/ledgers.jsonl", check=False)
        return int(found.split()[0]) if found else 0

    def remove(self) -> None:
        self._engine("rm", "--force", "--volumes", self.name, check=False)
        self._engine("volume", "rm", "--force", self.name, check=False)


def test_stopped_started_killed_and_complete(daemon: Daemon, engine: Engine, image: str) -> None:
    daemon.start()
    daemon.until_rows(5)
    assert daemon.run("id", "-u") == "10001"
    assert daemon.end("stop") == 0
    daemon.start()
    daemon.until_rows(15)
    assert daemon.end("kill") == 137
    daemon.start()
    with Recording.sample() as recording:
        daemon.until_rows(len(recording.indexes))
        ledgers = [
            json.loads(line)["ledger_hash"]
            for line in daemon.run("cat", "/state/ledgers.jsonl").splitlines()
        ]
        assert ledgers == [recording.ledgers[index].hash for index in recording.indexes]
    assert daemon.end("stop") == 0
    volume = ("--volume", f"{daemon.name}:/state:ro")
    said = engine(
        "run", *engine.options, "--rm", *volume, image, "verify", "/state", "--deep", check=False
    )
    assert f"{len(ledgers)} ledgers" in said, said


def test_it_says_whether_it_is_healthy(daemon: Daemon, engine: Engine) -> None:
    began = time.monotonic()
    daemon.start()
    seconds = daemon.until_it_answers() - began
    print(f"/health answers {seconds:.1f} s after the start")
    assert seconds < STARTED_WITHIN
    daemon.until_rows(1)
    deadline = time.monotonic() + 30
    while True:
        engine("healthcheck", "run", daemon.name, check=False)
        inspected = daemon.inspect()["State"]
        health = inspected.get("Health") or inspected["Healthcheck"]
        if health["Status"] == "healthy":
            break
        assert time.monotonic() < deadline, health
        time.sleep(0.2)


def test_the_sample_without_any_option(engine: Engine, image: str) -> None:
    engine("run", *engine.options, "--rm", image)


def test_nothing_builds_in_it_and_it_is_small(engine: Engine, image: str) -> None:
    run = ("run", *engine.options, "--rm", "--entrypoint", "sh", image, "-c")
    assert engine(*run, "command -v gcc pip make || true") == ""
    compiled = "from ekspiper.xrpl.codec import _compiled"
    engine(*run, f'python3 -c "{compiled}" || /opt/ekspiper/bin/python -c "{compiled}"')
    sizes = [
        json.loads(engine("inspect", "--type", "image", each))[0]["Size"] for each in (image, BASE)
    ]
    print(f"image {sizes[0] / 1e6:.0f} MB, of which ours {(sizes[0] - sizes[1]) / 1e6:.0f} MB")
    assert sizes[0] - sizes[1] < OURS_AT_MOST
