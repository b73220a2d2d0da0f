"""Standard output and standard error when their reader is slow, full or gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from ekspiper.xrpl.cli._streams import StandardError

from .conftest import Cli

MAIN = [sys.executable, "-c", "from ekspiper.xrpl.cli import main; main()"]
DAEMON = ("daemon", "--from", 530, "--out", "out")
WITHIN = 60.0


def run(*arguments: object, out: int | IO[bytes], err: int | IO[bytes], cwd: Path) -> int:
    """Run `ekspiper` with these streams; the exit code."""
    command = [*MAIN, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, stdout=out, stderr=err, timeout=WITHIN, check=False)
    return done.returncode


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def stuck_pipe() -> Iterator[int]:
    """A pipe that is full, and whose reader is there and does not read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def test_a_log_on_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        code = run(*DAEMON, out=subprocess.DEVNULL, err=full, cwd=tmp_path)
    assert (code, lines(tmp_path / "out" / "ledgers.jsonl")) == (0, 11)


@pytest.mark.parametrize("pipe", ["closed_pipe", "stuck_pipe"])
def test_a_log_that_nobody_reads_stops_nothing(
    pipe: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    err = request.getfixturevalue(pipe)
    code = run("--debug", *DAEMON, out=subprocess.DEVNULL, err=err, cwd=tmp_path)
    assert (code, lines(tmp_path / "out" / "ledgers.jsonl")) == (0, 11)


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "schema --help",
        "backfill --help",
        "--version",
        "schema show",
        "schema export",
        "graph",
        "nodes",
        "nodes --json",
        "check good.toml",
        "payments 478:480",
        "books",
        "daemon --until 428 --http off",
        "verify good",
    ],
)
def test_a_reader_of_the_output_who_left_is_no_error(
    arguments: str, closed_pipe: int, cli: Cli
) -> None:
    Path("good.toml").write_text('network = "sample"\n')
    if "verify" in arguments:
        assert cli("backfill", "421:422", "--out", "good").code == 0
    with Path("errors").open("wb") as errors:
        code = run(*arguments.split(), out=closed_pipe, err=errors, cwd=Path.cwd())
    assert (code, "Broken" in Path("errors").read_text()) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "code"), [("verify bad", 1), ("check bad.toml", 2), ("bogus", 2)]
)
def test_the_exit_code_is_what_it_would_have_been(
    arguments: str, code: int, closed_pipe: int, cli: Cli
) -> None:
    Path("bad.toml").write_text('netwrk = "sample"\n')
    if "verify" in arguments:
        assert cli("backfill", "478:479", "--out", "bad").code == 0
        with Path("bad/transactions.jsonl").open("rb+") as file:
            file.truncate(0)
    for err in (subprocess.DEVNULL, closed_pipe):
        assert run(*arguments.split(), out=closed_pipe, err=err, cwd=Path.cwd()) == code


@pytest.mark.parametrize("arguments", ["graph", "--help", "payments 478:478"])
def test_records_that_cannot_be_written_are_an_error(arguments: str, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full, (tmp_path / "errors").open("wb") as errors:
        assert run(*arguments.split(), out=full, err=errors, cwd=tmp_path) == 1
    assert "No space left on device" in (tmp_path / "errors").read_text()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(closed: str, tmp_path: Path) -> None:
    command = f'"$0" -c "{MAIN[2]}" backfill 421:428 --out out {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], cwd=tmp_path, timeout=WITHIN, check=False
    )
    assert (done.returncode, lines(tmp_path / "out" / "ledgers.jsonl")) == (0, 8)


def test_what_is_lost_is_counted_where_it_goes_on(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        log = StandardError(stream)
        log.write("first\n")
        os.set_blocking(reader, False)
        while log._written(4096 * "x"):  # nobody reads: it fills up
            pass
        log.write("lost\n")
        log.write("lost\n")
        with contextlib.suppress(BlockingIOError):
            while os.read(reader, 65536):
                pass
        log.write("again\n")
    assert os.read(reader, 65536).endswith(
        b"\nekspiper: 2 pieces of this log are lost here\nagain\n"
    )
    os.close(reader)


def ended_by(number: signal.Signals, *, prefix: list[str], cwd: Path) -> tuple[int, str]:
    """Start a daemon that has no end of its own, send a signal when it runs; how it ended."""
    replay = subprocess.Popen(
        [*MAIN, "replay", "sample", "--port", "0", "--close-every", "0.05"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert replay.stderr is not None
    url = next(w for w in replay.stderr.readline().split() if w.startswith("ws://"))
    with (cwd / "errors").open("wb") as errors:
        command = [*prefix, *MAIN, "daemon", "--network", url, "--from", "421", "--out", "out"]
        daemon = subprocess.Popen(
            [*command, "--http", "off"], cwd=cwd, stderr=errors, stdout=subprocess.DEVNULL
        )
    until(lambda: (cwd / "out/ledgers.jsonl").exists() and lines(cwd / "out/ledgers.jsonl") > 0)
    daemon.send_signal(number)
    daemon.send_signal(number)  # a terminal that closes may send it twice
    if prefix:
        before = lines(cwd / "out/ledgers.jsonl")
        until(lambda: lines(cwd / "out/ledgers.jsonl") > before)
        daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(WITHIN)
    replay.kill()
    replay.wait()
    replay.stderr.close()
    return code, (cwd / "errors").read_text()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process sets no event here


def test_a_terminal_that_closes_drains_the_daemon(tmp_path: Path) -> None:
    code, said = ended_by(signal.SIGHUP, prefix=[], cwd=tmp_path)
    assert code == 0, said
    assert "SIGHUP: draining" in said
    assert "Stopped on request; everything that was read is kept." in said


def test_under_nohup_it_goes_on(tmp_path: Path) -> None:
    code, said = ended_by(signal.SIGHUP, prefix=["nohup"], cwd=tmp_path)
    assert code == 0, said
    assert "SIGHUP" not in said
    assert "SIGTERM: draining" in said
