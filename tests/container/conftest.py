"""The image, built from this clone by podman or docker. Run by `hatch run dev:container`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "deploy" / "container"
BASE = "docker.io/library/debian:bookworm-slim"
IMAGE = "localhost/ekspiper:test"

_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
_WAYS = (((), ()), ((), _LIMITS), (("--runtime", "runc"), _LIMITS))
"""Options of the engine and of each run, the plain ones first: not every machine can set the
limits that podman wants, and not every runtime knows every kind of cgroups."""


class Engine:
    """podman or docker, as it works on this machine."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._before: tuple[str, ...] = ()
        self.options: tuple[str, ...] = ()

    def __call__(self, command: str, *arguments: object, check: bool = True) -> str:
        """Run a command of the engine; what it prints."""
        done = subprocess.run(
            [self._program, *self._before, command, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def find_way(self) -> bool:
        """Find the options with which it can run anything."""
        for self._before, self.options in _WAYS:
            run = (*self.options, "--rm", "--network", "host", BASE, "echo", "works")
            if self("run", *run, check=False) == "works":
                return True
        return False

    def build(self) -> None:
        """Build the image from what is committed."""
        done = subprocess.run(
            ["sh", str(CONTAINER / "build.sh"), IMAGE],
            env={
                **os.environ,
                "ENGINE": self._program,
                "ENGINE_GLOBALS": " ".join(self._before),
                "ENGINE_OPTIONS": " ".join((*self.options, "--network", "host")),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=1000,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """An engine that can run containers, with the base image."""
    program = shutil.which("podman") or shutil.which("docker")
    if program is None:
        pytest.skip("neither podman nor docker is installed")
    engine = Engine(program)
    if not engine("images", "--quiet", BASE, check=False):
        if not shutil.which("mmdebstrap") or os.geteuid():
            pytest.skip(f"{BASE} is not there, and mmdebstrap is not installed to make it")
        subprocess.run(["sh", CONTAINER / "base.sh"], check=True, timeout=600)
    if not engine.find_way():
        pytest.skip(f"{program} cannot run containers on this machine")
    return engine


@pytest.fixture(scope="session")
def image(engine: Engine) -> Iterator[str]:
    """The image."""
    engine.build()
    yield IMAGE
    engine("rmi", "--force", IMAGE, check=False)
