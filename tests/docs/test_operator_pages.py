"""Every command of the operator's pages is run, block by block, as a reader would run it.

Four things are replaced: the networks by the sample, ports and folders of the system by free ones.
What cannot be run here is listed with the reason.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..acceptance.conftest import Command, run
from ..acceptance.conftest import start as start
from .code_blocks import Block, code_blocks

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"
PAGES = ("operate-the-daemon.md", "alerts.md", "upgrades-and-incidents.md")

NOT_RUN = {
    r"(/opt/ekspiper/bin/)?pip install": "no index has it before the first release; "
    "`hatch run release:build` installs the wheels",
    r"systemctl": "needs systemd as the first process: `hatch run dev:systemd` boots one",
    r"sh deploy/container/build.sh|podman run": "`hatch run dev:container` does, in minutes",
    r"NETWORK=sample podman compose": "the images of others cannot be pulled everywhere; "
    "tests/deploy has each file read by its tool",
    r"helm ": "no index has the program; tests/deploy has its library lint and render the chart",
    r"kubectl apply": "needs a cluster; tests/deploy validates what would be applied",
}

CONFIG = '[collectors.lake]\ntype = "jsonl"\npath = "records/{records}.jsonl"\n'

BLOCKS = [
    (page, block)
    for page in PAGES
    for block in code_blocks(GUIDES / page)
    if block.language == "console"
]


def commands(block: Block) -> Iterator[str]:
    """What stands behind `$`, with lines that go on joined."""
    text = block.text.replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("$ "):
            yield line[2:]


class Reader:
    """Somebody at a terminal, in an empty folder, with a daemon on this machine."""

    def __init__(self, folder: Path, start: type[Command], port: int) -> None:
        self.folder = folder
        self._start = start
        self._port = port
        (folder / "deploy").symlink_to(ROOT / "deploy")
        (folder / "ekspiper.toml").write_text(CONFIG)
        (folder / "opt").mkdir()
        (folder / "etc" / "systemd" / "system").mkdir(parents=True)
        self._node_port = 0

    def types(self, command: str) -> None:
        """Run one line."""
        command = re.sub(r"--network (mainnet|testnet)\b", "--network sample", command)
        command = re.sub(r"(?<![\w.])/(opt|etc)/", rf"{self.folder}/\1/", command)
        program = command.split()[0]
        if program.endswith("/ekspiper") or program == "ekspiper":
            self._ekspiper(shlex.split(command)[1:])
        elif program == "curl":
            self._with_daemon()
            self._shell(command.replace(":9464", f":{self._port}"))
        elif program != "kubectl" or shutil.which(program):
            self._shell(command)

    def _shell(self, command: str) -> None:
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def _ekspiper(self, arguments: list[str]) -> None:
        name = arguments[0]
        if name == "replay":
            run("record", "421:+5", "--network", "sample", "--out", "my-recording", cwd=self.folder)
            arguments[arguments.index("--port") + 1] = "0"
            said = self._start(*arguments).wait_said(r"ws://127\.0\.0\.1:(\d+)")
            self._node_port = int(said[1])
        elif name == "daemon":
            self._daemon(arguments)
        elif name == "status" and arguments[1].startswith("http"):
            self._with_daemon()
            run("status", f"http://127.0.0.1:{self._port}", cwd=self.folder, code=1)
        elif name == "status":
            self._stopped_daemon("out/mainnet")
            run(*arguments, cwd=self.folder, code=1)
        else:
            run(*arguments, cwd=self.folder)

    def _daemon(self, arguments: list[str]) -> None:
        if "--adopt-checkpoint" in arguments:
            self._stopped_daemon("out/mainnet")
            arguments += ["--network", "sample"]
        elif "ws://127.0.0.1:6006" in arguments:
            place = arguments.index("ws://127.0.0.1:6006")
            arguments[place] = f"ws://127.0.0.1:{self._node_port}"
            daemon = self._start(*arguments, "--http", "off")
            daemon.wait_said("beginning at")
            assert daemon.end(signal.SIGTERM) == 0
            return
        run(*arguments, cwd=self.folder)

    def _stopped_daemon(self, out: str) -> None:
        if not (self.folder / out).exists():
            run("daemon", "--network", "sample", "--out", out, "--until", 428, cwd=self.folder)

    def _with_daemon(self) -> None:
        """A daemon that waits for a node."""
        options = ("--network", "ws://127.0.0.1:1", "--http", f"127.0.0.1:{self._port}")
        self._start("daemon", *options, "--out", self.folder / "waits").wait_said("listening on")


@pytest.mark.parametrize(
    ("page", "block"), BLOCKS, ids=[f"{page}:{block.line}" for page, block in BLOCKS]
)
def test_commands_run(
    page: str, block: Block, start: type[Command], free_port: int, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, start, free_port)
    if page == "upgrades-and-incidents.md" and "mainnet" in block.text:
        run("daemon", "--network", "sample", "--out", "out/mainnet", "--until", 428, cwd=tmp_path)
        (tmp_path / "elsewhere").mkdir()
    for command in commands(block):
        if not any(re.match(pattern, command) for pattern in NOT_RUN):
            reader.types(command)
        elif re.match(r"/opt/ekspiper/bin/pip", command):
            (tmp_path / "opt/ekspiper/bin/ekspiper").symlink_to(sys.executable)


def test_what_is_not_run_is_still_on_the_pages() -> None:
    everything = [command for _, block in BLOCKS for command in commands(block)]
    for pattern in NOT_RUN:
        assert any(re.match(pattern, command) for command in everything), pattern
