"""A real systemd as the first process of a container, with the unit and an environment for it.

Run by `hatch run dev:systemd`, as root, and not with the other tests: it boots, and waits for what
systemd does in seconds.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.replay import SAMPLE

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
UNIT = ROOT / "deploy" / "systemd" / "ekspiper@.service"
WITHIN = 60.0

EMPTY = """\
[Unit]
Requires=systemd-journald.service
After=systemd-journald.service
"""
CONFIG = """\
network = ["{node}"]
from = 421

[http]
port = 0

[collectors.files]
type = "jsonl"
path = "/var/lib/ekspiper/sample/{{records}}.jsonl"
"""
QUICK = """\
[Service]
RestartSec=1
WatchdogSec=5
TimeoutAbortSec=2
"""
"""Times of the unit, shortened; everything else is as it is."""

_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


class Machine:
    """The container, seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self.pid = int(wait_for(lambda: children.read_text().split(), "unshare has a child")[0])

    @property
    def root(self) -> Path:
        """Its root folder."""
        return Path(f"/proc/{self.pid}/root")

    def run(self, *command: object, check: bool = True) -> str:
        """Run a command in it; what it prints."""
        done = subprocess.run(
            [
                "nsenter",
                "--target",
                str(self.pid),
                *_NAMESPACES,
                "--root",
                "--wd",
                *map(str, command),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def show(self, name: str, unit: str = "ekspiper@sample") -> str:
        """A property of the unit."""
        return self.run("/bin/systemctl", "show", "--value", "-p", name, unit)

    def until(self, name: str, value: str) -> None:
        """Wait until a property has a value."""

        def has_it() -> bool:
            return self.show(name) == value

        wait_for(has_it, f"{name} is {value}", self.journal)

    def journal(self, *options: str) -> str:
        """What the daemon and systemd have said about the unit."""
        return self.run("/bin/journalctl", "--no-pager", "-u", "ekspiper@sample", *options)

    def ledgers(self) -> list[str]:
        """The lines of its file of ledgers."""
        file = self.root / "var/lib/private/ekspiper/sample/ledgers.jsonl"
        return file.read_text().splitlines() if file.exists() else []

    def end(self) -> None:
        """Kill it with everything that runs in it."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait(WITHIN)


def wait_for(found: Callable[[], Any], what: str, why: Callable[[], str] = str) -> Any:
    """Ask until the answer is true; another process sets no event here."""
    deadline = time.monotonic() + WITHIN
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not in time: {what}\n{why()}"
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="session")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with our packages on the system's Python, which the unit can read."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("opt") / "ekspiper"
    packages = (
        *("packages/ekspiper-core", "packages/ekspiper-sinks"),
        "packages/ekspiper-xrpl[daemon]",
    )
    for command in (
        ("venv", "--relocatable", "--python", "/usr/bin/python3", folder),
        ("pip", "install", "--python", folder, *(f"{ROOT}/{package}" for package in packages)),
    ):
        done = subprocess.run(
            [uv, *map(str, command)], capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def node(tmp_path: Path) -> Iterator[str]:
    """The sample network, closing ledgers."""
    command = ("replay", str(SAMPLE), "--port", "0", "--close-every", "0.1")
    with (tmp_path / "node.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ekspiper.xrpl", *command], stdout=log, stderr=log
        )

    def url() -> str:
        said = (tmp_path / "node.log").read_text()
        return (
            "ws://127.0.0.1:" + said.split("ws://127.0.0.1:")[1].split()[0]
            if "ws://" in said
            else ""
        )

    yield wait_for(url, "the node listens")
    process.kill()
    process.wait()


@pytest.fixture
def machine(opt: Path, node: str, tmp_path: Path) -> Iterator[Machine]:
    """A container that has booted, with the unit and a configuration."""
    if os.geteuid() or not shutil.which("unshare") or not Path("/lib/systemd/systemd").exists():
        pytest.skip("only root can start systemd in a container, and it must be installed")
    over = tmp_path / "lay-over"
    shutil.copytree(opt, over / "opt" / "ekspiper", symlinks=True)
    units = over / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    (units / "empty.target").write_text(EMPTY)
    (units / "ekspiper@.service.d").mkdir()
    (units / "ekspiper@.service.d" / "quick.conf").write_text(QUICK)
    (over / "etc" / "ekspiper").mkdir()
    (over / "etc" / "ekspiper" / "sample.toml").write_text(CONFIG.format(node=node))
    group = _cgroup(f"ekspiper-systemd-{os.getpid()}")
    # The shell is in the group before the namespace begins, so that this is its root.
    script = f'echo $$ >"{group}/cgroup.procs" && exec unshare {" ".join(_NAMESPACES)} --fork \\\n'
    script += f'  sh "{HERE}/boot.sh" "{tmp_path}"'
    with (tmp_path / "boot.log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", script], stdout=log, stderr=log)
    machine = Machine(process, tmp_path)
    try:
        # What the journal keeps comes last.
        boot = lambda: machine.run("/bin/systemctl", "is-system-running", check=False)  # noqa: E731
        wait_for(lambda: boot() in ("running", "degraded"), "it has booted", boot)
        yield machine
    finally:
        machine.end()
        wait_for(lambda: _is_removed(group), "its groups are gone")


def _cgroup(name: str) -> Path:
    """A group of its own, below the root of cgroup version 2."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            group = Path(place) / name
            group.mkdir(exist_ok=True)
            return group
    pytest.skip("cgroup version 2 is not mounted")


def _is_removed(group: Path) -> bool:
    """Remove a group and those below it; a group is busy until its last process has ended."""
    for folder in sorted(group.rglob("*/"), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    with suppress(OSError):
        group.rmdir()
    return not group.exists()
