"""`ekspiper status`, of a daemon that runs, hangs on its sinks, is stopped, or was killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import FIRST, LAST, Start, run

Follow = Callable[..., tuple[str, Path]]
DEAD_SINK = '[collectors.fluent]\ntype = "fluent"\ntag = "t"\nport = 1\nconnect_timeout = 0.2\n'


@pytest.fixture
def daemon(start: Start, serve: Callable[..., str], free_port: int, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Starts a daemon that follows closing ledgers; the command."""

    def go(config: str = ""):  # type: ignore[no-untyped-def]
        file = tmp_path / "ekspiper.toml"
        file.write_text(config)
        command = start(
            *("daemon", "--network", serve("sample", "--close-every", "0.2")),
            *("--config", file, "--from", FIRST, "--out", tmp_path / "out"),
            *("--http", f"127.0.0.1:{free_port}"),
        )
        command.wait_said("listening on")
        return command

    return go


def until_code(code: int, *arguments: object) -> str:
    """Ask again until the exit code is this; what it printed."""
    for _ in range(200):
        try:
            return run("status", *arguments, code=code).stdout
        except AssertionError as error:
            last = error
    raise last


def test_of_a_daemon_that_runs(daemon, free_port: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    daemon()
    by_url = until_code(0, f"127.0.0.1:{free_port}")
    assert by_url.startswith("custom: ready (running)\n")
    for part in (
        "nodes         1 of 1 ready",
        "transaction-record/etl/files: ",
        "txn_records_flow_q",
    ):
        assert part in by_url
    document = json.loads(run("status", tmp_path / "out", "--json").stdout)
    assert (document["ready"], document["state"]) == (True, "running")
    assert document["state_folder"] == str(tmp_path / "out")


def test_of_a_daemon_with_a_dead_sink(daemon, free_port: int) -> None:  # type: ignore[no-untyped-def]
    command = daemon(DEAD_SINK)
    command.wait_said("is failing")
    said = until_code(1, f"http://127.0.0.1:{free_port}")
    assert "custom: not ready (running)" in said
    assert (
        "  fluent (at 4 places) is failing: no connection to 127.0.0.1:1: Connection refused"
        in said
    )
    assert "/fluent: 0 kept, is failing\n" in said
    command.end(signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_of_a_folder_whose_daemon_has_ended(daemon, tmp_path: Path, how: signal.Signals) -> None:  # type: ignore[no-untyped-def]
    command = daemon()
    until_code(0, tmp_path / "out")
    command.end(how)
    said = run("status", tmp_path / "out", code=1).stdout
    assert ": not ready (stopped)\n  the daemon is stopped\n" in said
    kept = json.loads((tmp_path / "out" / ".checkpoint" / "daemon.jsonl.json").read_text())
    position = kept["flows"]["ledger-details"]["position"]
    assert f"ledger        {position:,} kept, checkpoint of 20" in said
    assert (tmp_path / "out" / ".checkpoint" / "url").exists() is (how == signal.SIGKILL)


def test_another_daemon_on_the_port_of_one_that_crashed(
    daemon,  # type: ignore[no-untyped-def]
    free_port: int,
    tmp_path: Path,
) -> None:
    run("daemon", "--network", "sample", "--out", tmp_path / "old")
    (tmp_path / "old" / ".checkpoint" / "url").write_text(f"http://127.0.0.1:{free_port}")
    daemon()
    said = until_code(1, tmp_path / "old")
    assert f"ledger        {LAST} kept, checkpoint of" in said


def test_of_a_daemon_without_http(start: Start, serve: Callable[..., str], tmp_path: Path) -> None:
    command = start(
        *("daemon", "--network", serve("sample", "--close-every", "0.2"), "--from", FIRST),
        *("--out", tmp_path / "out", "--http", "off"),
    )
    command.wait_until((tmp_path / "out" / "ledgers.jsonl").exists, "records")
    said = until_code(1, tmp_path / "out")
    assert "it runs without HTTP" in said


def test_dead_letters_of_a_stopped_daemon(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("daemon", "--network", "sample", "--out", out)
    letter = {"position": 200, "error": "Odd", "message": "cannot be", "time": "t"}
    (out / "dead_letters.jsonl").write_text(json.dumps(letter) + "\n")
    said = run("status", out, code=1).stdout
    assert f"dead letters  1, in {out}/dead_letters.jsonl\n  200: Odd: cannot be\n" in said


def test_what_is_not_a_daemon(serve: Callable[..., str], tmp_path: Path, free_port: int) -> None:
    for target, says in (
        (tmp_path, f"{tmp_path} holds no state of a daemon"),
        (tmp_path / "gone", "is neither the URL of a daemon, such as"),
        (
            f"127.0.0.1:{free_port}",
            f"no daemon answers at http://127.0.0.1:{free_port}: Connection refused",
        ),
        (serve().replace("ws:", "http:"), "is not a daemon of ekspiper"),
    ):
        assert says in run("status", target, code=2).stderr
