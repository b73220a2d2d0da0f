"""The page of upgrades and incidents, walked through section by section."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.replay import Recording

from .conftest import FIRST, LAST, Command, Start, run
from .truth import Truth, read_jsonl

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "upgrades-and-incidents.md"
STATE_OF_0_1_0 = Path(__file__).parent / "checkpoint-0.1.0.json"
MIDDLE = 438

WALKED = {
    "Upgrade": "test_a_new_version_reads_the_state_of_0_1_0",
    "Move to another machine": "test_a_folder_that_was_moved",
    "Back up and restore": "test_a_backup_taken_while_it_ran",
    "A full disk": "test_a_disk_without_room",
    "A sink that lost its data": "test_a_sink_gets_everything_again",
    "A node that lies": "test_a_lying_node_beside_an_honest_one",
    "A network that was reset": "test_a_network_that_begins_anew",
    "A clock that jumps": "test_a_clock_that_is_set_back_and_forth",
}


def test_each_section_is_walked_through() -> None:
    assert re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE) == list(WALKED)
    assert all(callable(globals()[test]) for test in WALKED.values())


def until_kept(command: Command, out: Path, count: int) -> None:
    """Wait until so many ledgers are in the file."""
    file = out / "ledgers.jsonl"
    command.wait_until(
        lambda: file.exists() and file.read_bytes().count(b"\n") >= count, f"{count} ledgers"
    )


def test_a_new_version_reads_the_state_of_0_1_0(tmp_path: Path, sample: Truth) -> None:
    """The checkpoint in the repository was written by 0.1.0; only its numbers are filled in."""
    out = tmp_path / "out"
    run("daemon", "--network", "sample", "--out", out, "--until", MIDDLE)
    old = json.loads(STATE_OF_0_1_0.read_text())
    (flow,) = old["flows"].values()
    flow["position"], flow["source"] = MIDDLE, "xrpl network 1021"
    for state in flow["collectors"].values():
        state["length"] = (out / state["file"]).stat().st_size
    checkpoint = out / ".checkpoint" / "daemon.jsonl.json"
    checkpoint.write_text(json.dumps(old))
    assert f"{MIDDLE} kept" in run("status", out, code=1).stdout
    said = run("daemon", "--network", "sample", "--out", out).stderr
    assert f"resuming at ledger {MIDDLE + 1}" in said
    sample.check(out, FIRST, LAST)


def test_a_folder_that_was_moved(tmp_path: Path, sample: Truth) -> None:
    run("daemon", "--network", "sample", "--out", tmp_path / "here", "--until", MIDDLE)
    shutil.copytree(tmp_path / "here", tmp_path / "a" / "b" / "there")
    shutil.rmtree(tmp_path / "here")
    run("daemon", "--network", "sample", "--out", tmp_path / "a" / "b" / "there")
    sample.check(tmp_path / "a" / "b" / "there", FIRST, LAST)


def test_a_backup_taken_while_it_ran(
    start: Start, serve: Callable[..., str], tmp_path: Path, sample: Truth
) -> None:
    out, backup = tmp_path / "out", tmp_path / "backup"
    network = serve("sample", "--close-every", "0.05")
    daemon = start("daemon", "--network", network, "--from", FIRST, "--out", out)
    until_kept(daemon, out, 40)
    backup.mkdir()
    shutil.copytree(out / ".checkpoint", backup / ".checkpoint")
    until_kept(daemon, out, 60)
    for file in out.glob("*.jsonl"):
        shutil.copy(file, backup)
    daemon.end(signal.SIGKILL)
    kept = json.loads((backup / ".checkpoint" / "daemon.jsonl.json").read_text())
    (flow,) = kept["flows"].values()
    length = (backup / "ledgers.jsonl").stat().st_size
    assert length > flow["collectors"]["ledger-record/ledger-record/files"]["length"]
    run("daemon", "--network", "sample", "--out", backup)
    first = next(read_jsonl(backup / "ledgers.jsonl"))["ledger_index"]
    sample.check(backup, first, LAST)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB, which the sample does not fit on."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder))
    if os.geteuid() or subprocess.call(mount):
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.call(["umount", "--lazy", str(folder)])


def test_a_disk_without_room(
    start: Start,
    serve: Callable[..., str],
    free_port: int,
    small_disk: Path,
    sample: Truth,
) -> None:
    out = small_disk / "out"
    daemon = start(
        *("daemon", "--network", serve("sample", "--close-every", "0.02"), "--from", FIRST),
        *("--until", LAST, "--out", out, "--http", f"127.0.0.1:{free_port}"),
    )
    daemon.wait_said("is failing: .*[Nn]o space left on device")
    assert "No space left on device" in run("status", f"127.0.0.1:{free_port}", code=1).stdout
    subprocess.check_call(["mount", "-o", "remount,size=64m", str(small_disk)])
    assert daemon.wait() == 0, daemon.said()
    sample.check(out, FIRST, LAST)


def test_a_sink_gets_everything_again(tmp_path: Path, sample: Truth) -> None:
    config = tmp_path / "ekspiper.toml"
    config.write_text('[collectors.lake]\ntype = "jsonl"\npath = "lake/{records}.jsonl"\n')
    command = ("daemon", "--network", "sample", "--config", config)
    run(*command, "--state", tmp_path / "state", cwd=tmp_path)
    sample.check(tmp_path / "lake", FIRST, LAST)

    (tmp_path / "lake" / "transactions.jsonl").unlink()
    refused = run(*command, "--state", tmp_path / "state", cwd=tmp_path, code=1)
    assert "lake/transactions.jsonl is gone" in refused.stderr

    shutil.rmtree(tmp_path / "lake")
    run(*command, "--state", tmp_path / "fresh-state", "--from", FIRST, cwd=tmp_path)
    sample.check(tmp_path / "lake", FIRST, LAST)

    backfill = ("backfill", f"{FIRST}:+20", "--network", "sample", "--config", config)
    run(*backfill, "--state", tmp_path / "state-of-backfill", cwd=tmp_path)
    (again,) = (tmp_path / "lake").glob("ledgers-backfill-*.jsonl")
    assert len(list(read_jsonl(again))) == 20


def test_a_lying_node_beside_an_honest_one(
    serve: Callable[..., str], tmp_path: Path, sample: Truth
) -> None:
    liar, honest = serve("sample", "--faults", "forgedMeta*0"), serve()
    span = ("--from", FIRST, "--until", LAST)
    nodes = f"{liar},{honest}"
    said = run("daemon", "--network", nodes, *span, "--out", tmp_path / "out").stderr
    assert re.search(rf"{liar}.* transactions hash to ", said)
    sample.check(tmp_path / "out", FIRST, LAST)


def test_a_network_that_begins_anew(
    start: Start, serve: Callable[..., str], free_port: int, tmp_path: Path
) -> None:
    run("daemon", "--network", "sample", "--out", tmp_path / "old")
    run("record", f"{FIRST}:+10", "--network", "sample", "--out", tmp_path / "anew")
    node = serve(tmp_path / "anew")
    daemon = start(
        *("daemon", "--network", node, "--out", tmp_path / "old"),
        *("--http", f"127.0.0.1:{free_port}"),
    )
    asks = rf"at ledger {LAST}, and the newest of the network is {FIRST + 9}: was the network reset"
    daemon.wait_said(asks)
    assert re.search(asks, run("status", f"127.0.0.1:{free_port}", code=1).stdout)
    assert daemon.end() == 0
    span = ("--from", FIRST, "--until", FIRST + 9)
    run("daemon", "--network", node, "--out", tmp_path / "new", *span)
    assert len(list(read_jsonl(tmp_path / "new" / "ledgers.jsonl"))) == 10


JUMPING = """
import time
real = time.time
began = time.monotonic()
time.time = lambda: real() + (0.0, 7200.0, -7200.0)[int((time.monotonic() - began) / 0.7) % 3]
from ekspiper.xrpl.cli import main
main()
"""


def test_a_clock_that_is_set_back_and_forth(
    serve: Callable[..., str], tmp_path: Path, sample: Truth
) -> None:
    out = tmp_path / "out"
    arguments: tuple[Any, ...] = ("--from", FIRST, "--until", LAST, "--out", out)
    network = serve("sample", "--close-every", "0.05")
    done = subprocess.run(
        [sys.executable, "-c", JUMPING, "daemon", "--network", network, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    sample.check(out, FIRST, LAST)
    with Recording.sample() as recording:
        assert len(list(read_jsonl(out / "ledgers.jsonl"))) == len(recording.indexes)
