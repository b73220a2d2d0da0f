"""`ekspiper daemon` from its start to files that hold exactly what was recorded."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from .conftest import FIRST, LAST, Closing, Start, run
from .truth import Truth

Serve = Callable[..., str]


def test_the_demo_leaves_the_whole_sample(tmp_path: Path, sample: Truth) -> None:
    out = tmp_path / "out"
    done = run("daemon", "--network", "sample", "--out", out)
    sample.check(out, FIRST, LAST)
    assert "120 ledgers (421 to 540), 2,793 transactions and 740 order books" in done.stderr
    assert "Verified: 120 of 120 ledgers" in done.stderr
    assert str(out / "transactions.jsonl") in done.stderr
    assert done.stdout == ""
    assert not (out / "dead_letters.jsonl").exists()
    assert "Reading the sample network" not in done.stderr


def test_again_on_the_same_folder_there_is_nothing_to_do(tmp_path: Path, sample: Truth) -> None:
    out = tmp_path / "out"
    run("daemon", "--out", out)
    before = {path: path.read_bytes() for path in out.glob("*.jsonl")}
    done = run("daemon", "--out", out)
    assert "Nothing to do: this folder was at ledger 540 already." in done.stderr
    assert {path: path.read_bytes() for path in out.glob("*.jsonl")} == before


def test_without_out_records_go_to_standard_output() -> None:
    done = run("daemon", "--from", 539, "--until", 540)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["ledger_index"] for row in rows if "transaction_count" in row] == [539, 540]
    assert "Reading the sample network that comes with ekspiper" in done.stderr


@pytest.mark.slow
def test_the_shared_recording(
    shared_data: Path, tmp_path: Path, serve: Serve, start: Start
) -> None:
    url = serve(shared_data / "recording")
    out = tmp_path / "out"
    run("daemon", "--network", url, "--from", 3, "--until", 302, "--out", out, "--http", "off")
    truth = Truth.read(shared_data / "recording")
    truth.check(out, 3, 302)
    assert sum(len(each) for each in truth.hashes.values()) == 7829
    assert len(truth.books) == 1988


def test_ledgers_that_close_one_by_one_and_a_signal_in_between(
    tmp_path: Path, sample: Truth, closing: Closing, start: Start
) -> None:
    """The ledgers close when the test says so, so that it does not matter how slow all this is."""
    out = tmp_path / "out"
    arguments = ("daemon", "--network", closing.url, "--from", FIRST, "--out", out, "--http", "off")
    ledgers = out / "ledgers.jsonl"
    last = FIRST - 1
    for _ in range(2):
        daemon = start(*arguments)
        for index in range(last + 1, last + 5):
            closing.close(index)
            daemon.wait_until(partial(_has_lines, ledgers, index - FIRST + 1), f"ledger {index}")
        closing.close(last + 25)
        assert daemon.end(signal.SIGTERM) == 0
        assert "Stopped on request; everything that was read is kept." in daemon.said()
        last = FIRST - 1 + _lines(ledgers)
        sample.check(out, FIRST, last)
        assert _position(out) == last
    closing.close(LAST)
    run(*arguments, "--until", LAST)
    sample.check(out, FIRST, LAST)


def test_killed_at_any_moment_nothing_is_lost_or_doubled(
    tmp_path: Path, sample: Truth, serve: Serve, start: Start
) -> None:
    url = serve()
    out = tmp_path / "out"
    arguments = ("daemon", "--network", url, "--from", FIRST, "--until", LAST, "--out", out)
    often = {"EKSPIPER_PIPELINE__COMMIT_SECONDS": "0.05", "EKSPIPER_PIPELINE__COMMIT_ITEMS": "5"}
    moments = random.Random(7)
    kills = 0
    for _ in range(3):
        daemon = start(*arguments, "--http", "off", **often)
        rows = out / "transactions.jsonl"
        wanted = moments.randrange(0, 3_000_000)
        began = rows.stat().st_size if rows.exists() else 0
        while daemon.process.poll() is None:
            if rows.exists() and rows.stat().st_size >= began + wanted:
                break
            time.sleep(0.002)  # another process sets no event here
        kills += daemon.end(signal.SIGKILL) == -signal.SIGKILL
    assert kills >= 2
    run(*arguments, "--http", "off")
    sample.check(out, FIRST, LAST)


def test_the_node_goes_away_and_comes_back(
    tmp_path: Path, sample: Truth, start: Start, free_port: int
) -> None:
    out = tmp_path / "out"
    url = f"ws://127.0.0.1:{free_port}"
    serving = ("replay", "sample", "--port", free_port, "--close-every", 0.01)
    first = start(*serving)
    first.wait_said("Serving")
    daemon = start(
        *("daemon", "--network", url, "--from", FIRST, "--until", LAST, "--out", out),
        *("--http", "off"),
    )
    ledgers = out / "ledgers.jsonl"
    daemon.wait_until(partial(_has_lines, ledgers, 4), "the first ledgers")
    first.end(signal.SIGKILL)
    daemon.wait_said(f"cannot reach {url}: .*; trying again")
    start("replay", "sample", "--port", free_port).wait_said("Serving")
    assert daemon.wait() == 0
    assert f"{url} is back after" in daemon.said()
    sample.check(out, FIRST, LAST)


def test_a_node_that_is_not_there_yet(
    tmp_path: Path, sample: Truth, start: Start, free_port: int
) -> None:
    url = f"ws://127.0.0.1:{free_port}"
    daemon = start(
        *("daemon", "--network", url, "--from", 538, "--until", LAST, "--out", tmp_path / "out"),
        *("--http", "off"),
    )
    daemon.wait_said(f"cannot reach {url}: .*refused.*; trying again")
    start("replay", "sample", "--port", free_port).wait_said("Serving")
    assert daemon.wait() == 0
    sample.check(tmp_path / "out", 538, LAST)


def test_a_signal_while_it_connects_ends_it(start: Start, free_port: int) -> None:
    daemon = start("daemon", "--network", f"ws://127.0.0.1:{free_port}", "--http", "off")
    daemon.wait_said("cannot reach")
    assert daemon.end(signal.SIGTERM) == 0


def test_a_second_signal_stops_at_once(
    tmp_path: Path, start: Start, serve: Serve, free_port: int
) -> None:
    """The sink never takes anything, so draining would wait for it."""
    config = tmp_path / "ekspiper.toml"
    config.write_text(f'[collectors.f]\ntype = "fluent"\ntag = "t"\nport = {free_port}\n')
    daemon = start(
        *("daemon", "--config", config, "--network", serve(), "--from", FIRST, "--http", "off")
    )
    daemon.wait_said("is failing: ")  # ledgers are read by now, and wait for it
    daemon.process.send_signal(signal.SIGINT)
    daemon.wait_said("SIGINT: draining; send it once more to stop at once")
    assert daemon.end(signal.SIGINT) == 1
    assert "stopped before everything was kept" in daemon.said()


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _has_lines(path: Path, count: int) -> bool:
    return path.exists() and _lines(path) >= count


def _position(out: Path) -> int:
    (checkpoint,) = (out / ".checkpoint").glob("*.json")
    position: int = json.loads(checkpoint.read_text())["flows"]["ledger-details"]["position"]
    return position
