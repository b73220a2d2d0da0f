"""How the command line is started, and interrupted before it has begun."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ekspiper.xrpl.cli import _invocation
from ekspiper.xrpl.cli._invocation import this_command
from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import Cli

_INTERRUPTED = """
import os, signal, sys
class AtTyper:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, AtTyper())
from ekspiper.xrpl.cli import main
main()
"""


def test_an_interrupt_while_it_loads_leaves_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, "--version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_it_is_a_module_too() -> None:
    command = [sys.executable, "-m", "ekspiper.xrpl", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith("ekspiper ")


def test_the_replay_process_says_what_it_is_for() -> None:
    command = [sys.executable, "-m", "ekspiper.xrpl.replay", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("to serve a recording: ekspiper replay DIR\n")


_LOADED = """
import sys
from ekspiper.xrpl.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""
_BLOCKED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from ekspiper.xrpl.cli import main
main()
"""


_TYPER_ALONE = """
import sys, typer
app = typer.Typer(rich_markup_mode=None)
@app.command()
def command(option: str = "default"): pass
try:
    app()
except SystemExit as end:
    assert not end.code, end.code
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""


def start(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


@pytest.fixture(scope="module")
def loaded_by_typer(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a help page of typer costs anybody: before 0.21.2 it loads rich."""
    done = start(_TYPER_ALONE, "--help", cwd=tmp_path_factory.mktemp("typer"))
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.fixture(scope="module")
def loaded_by_filelock(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a lock costs anybody: before 4.2 it loads sqlite3."""
    code = "import filelock, sys; print(*sys.modules, file=sys.stderr)"
    return set(start(code, cwd=tmp_path_factory.mktemp("filelock")).stderr.split())


@pytest.mark.parametrize(
    ("arguments", "not_loaded"),
    [
        (["--help"], {"asyncio", "ekspiper.core", "orjson", "rich.console", "websockets", "xrpl"}),
        (["--version"], {"aiohttp", "rich.console", "websockets", "xrpl"}),
        (["backfill", "--help"], {"aiohttp", "prometheus_client", "pyarrow", "rich.console"}),
        (["daemon", "--help"], {"aiohttp", "prometheus_client", "pydantic", "rich.console"}),
        (["graph"], {"aiohttp", "prometheus_client", "pyarrow", "rich.console"}),
        (
            ["backfill", "478:478", "--out", "out"],
            {"ekspiper.xrpl.config", "pandas", "prometheus_client", "pyarrow", "rich.console"},
        ),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_command_loads_no_more_than_it_needs(
    arguments: list[str], not_loaded: set[str], loaded_by_typer: set[str], tmp_path: Path
) -> None:
    done = start(_LOADED, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not_loaded & set(done.stderr.split()) - loaded_by_typer == set()


# What no command on past ledgers needs that reads them over WebSocket and judges no signatures.
_HEAVY = {
    "aiohttp",
    "coincurve",
    "dask",
    "distributed",
    "ekspiper.core.bucket",
    "ekspiper.core.chunks",
    "ekspiper.core.testing",
    "ekspiper.xrpl.attestation",
    "ekspiper.xrpl.audit",
    "ekspiper.xrpl.cluster",
    "ekspiper.xrpl.config",
    "ekspiper.xrpl.daemon",
    "ekspiper.xrpl.explorer",
    "ekspiper.xrpl.recorder",
    "ekspiper.xrpl.replay",
    "ekspiper.xrpl.trust",
    "fluent",
    "msgpack",
    "nacl",
    "obstore",
    "opentelemetry",
    "pandas",
    "prometheus_client",
    "pyarrow",
    "pydantic",
    "rich.console",
    "sqlite3",
    "tenacity",
    "xrpl",
}


_FAILING = """
from ekspiper.core import Retryable
from ekspiper.sinks.jsonl import JsonLines
collect, failures = JsonLines.collect_encoded, [Retryable("the test lets it fail")]
async def fail_once(self, batch):
    if failures:
        raise failures.pop()
    await collect(self, batch)
JsonLines.collect_encoded = fail_once
"""


async def loaded_by(command: str, *, cwd: Path, faults: str = "", before: str = "") -> set[str]:
    """What a command loads that reads the sample over WebSocket, as if it were any network.

    Args:
        faults: of the node.
        before: code that runs before the command.
    """
    with Recording.sample() as recording:
        async with ReplayNode(recording, faults=faults) as node:
            arguments = [*command.split(), "--network", node.url]
            done = await asyncio.to_thread(start, before + _LOADED, *arguments, cwd=cwd)
            assert done.returncode == 0, done.stderr
            assert bool(node.faults_injected) == bool(faults)
    # Between the names of modules stand the command's own lines.
    return {line for line in done.stderr.splitlines() if re.fullmatch(r"[\w.]+", line)}


@pytest.mark.parametrize(
    "command",
    [
        "backfill 478:482 --out out",
        "snapshot --out out",
        "payments 478:478",
        "nodes --json",
        "books",
    ],
)
async def test_reading_over_websocket_loads_nothing_heavy(
    command: str, loaded_by_filelock: set[str], tmp_path: Path
) -> None:
    assert await loaded_by(command, cwd=tmp_path) & _HEAVY - loaded_by_filelock == set()


async def test_a_daemon_loads_nothing_more_when_something_fails(tmp_path: Path) -> None:
    command = "daemon --from 478 --until 482 --http off --out"
    well = await loaded_by(f"{command} well", cwd=tmp_path)
    faults = "disconnect@479*1"
    failing = await loaded_by(f"{command} ill", cwd=tmp_path, faults=faults, before=_FAILING)
    more = {
        name for name in failing - well if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert more == set()


@pytest.mark.parametrize(
    "command",
    [
        "backfill 478:478 --out out",
        "snapshot --out out",
        "payments 478:478",
        "books",
        "nodes",
        "record 478:478 --out out",
        "schema show Payment",
        "schema collect 478:478",
        "verify --help",
    ],
)
def test_reading_needs_nothing_of_the_daemon(command: str, tmp_path: Path) -> None:
    blocked = "BLOCKED = {'prometheus_client', 'ekspiper.xrpl.config', 'ekspiper.xrpl.daemon'}\n"
    done = start(blocked + _BLOCKED, *command.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "missing"),
    [("nodes", "rich.table"), ("backfill 1:2", "websockets"), ("daemon", "pydantic")],
)
def test_a_command_says_what_it_lacks(command: str, missing: str, tmp_path: Path) -> None:
    done = start(f"BLOCKED = {{{missing!r}}}\n" + _BLOCKED, *command.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        f"ekspiper: .* needs {missing}(, which is not installed)?: "
        r"pip install 'ekspiper-xrpl\[daemon\]'\n",
        done.stderr,
    )


def test_without_the_extra_the_command_line_says_what_to_install(tmp_path: Path) -> None:
    done = start("BLOCKED = {'typer'}\n" + _BLOCKED, "--help", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "ekspiper: the command line needs typer, which is not installed: "
        "pip install 'ekspiper-xrpl[daemon]'\n"
    )


@pytest.mark.parametrize(
    ("environment", "called", "shown"),
    [
        ("default", "/x/bin/ekspiper", "hatch run ekspiper"),
        ("dev", "/x/bin/ekspiper", "hatch run dev:ekspiper"),
        (None, "/x y/bin/ekspiper", "'/x y/bin/ekspiper'"),
        (None, ".venv/bin/ekspiper", ".venv/bin/ekspiper"),
        (None, "/x/ekspiper/xrpl/__main__.py", f"{sys.executable} -m ekspiper.xrpl"),
        (None, "PATH/ekspiper", "ekspiper"),
        (None, "-c", "ekspiper"),
    ],
)
def test_advice_works_where_the_user_stands(
    environment: str | None,
    called: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    script = tmp_path / "ekspiper"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("HATCH_ENV_ACTIVE", raising=False)
    if environment is not None:
        monkeypatch.setenv("HATCH_ENV_ACTIVE", environment)
    # The tests themselves may run below a hatch that was called by its path.
    monkeypatch.setattr(_invocation, "_hatch", lambda: "hatch")
    monkeypatch.setattr(sys, "argv", [called.replace("PATH", str(tmp_path))])
    assert this_command() == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("bin/hatch", "hatch run ekspiper"), (".venv/bin/hatch", ".venv/bin/hatch run ekspiper")],
)
def test_advice_names_hatch_as_it_was_called(typed: str, shown: str, tmp_path: Path) -> None:
    hatch = tmp_path / typed
    hatch.parent.mkdir(parents=True)
    program = f"{sys.executable} -c 'from ekspiper.xrpl.cli._invocation import *;"
    program += " print(this_command())'"
    hatch.write_text(f'#!/bin/sh\nexport HATCH_ENV_ACTIVE=default\nsh -c "{program}; exit"\n')
    hatch.chmod(0o755)
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        [typed, "run", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{shown}\n"


def test_the_daemon_advises_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATCH_ENV_ACTIVE", "default")
    monkeypatch.setattr(_invocation, "_hatch", lambda: "hatch")
    done = cli("daemon", "--until", "421", "--out", "out", "--http", "off")
    assert "           hatch run ekspiper daemon --network mainnet --out out/mainnet" in done.err
    done = cli("record", "478:478", "--out", "recording")
    assert "Try next:  hatch run ekspiper replay recording" in done.err
