"""Arguments as people write them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import Cli

LAST_TWO = [539, 540]


@pytest.mark.parametrize(
    "arguments",
    [
        "backfill -2: --out out --debug",
        "--debug backfill --out out -2:",
        "backfill --out out -- -2:",
        "backfill -1: 539:540 --out out",
        "--log-format json backfill -2: --out out",
        "backfill -2: --log-format json --out out",
    ],
)
def test_ranges_and_options_in_any_order(cli: Cli, arguments: str) -> None:
    assert cli(*arguments.split()).code == 0
    lines = Path("out/ledgers.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["ledger_index"] for line in lines) == LAST_TWO


@pytest.mark.parametrize("command", ["backfill", "payments", "schema collect", "record --out r"])
def test_an_option_that_does_not_exist_is_not_taken_for_a_range(cli: Cli, command: str) -> None:
    done = cli(*command.split(), "421:422", "--netwrk", "sample")
    assert done.code == 2
    assert "No such option: --netwrk Did you mean --network?" in done.err


def test_a_command_that_does_not_exist(cli: Cli) -> None:
    done = cli("backfil", "1:2")
    assert done.code == 2
    assert "No such command 'backfil'. Did you mean 'backfill'?" in done.err


def test_types_of_a_snapshot_stand_side_by_side(cli: Cli) -> None:
    assert cli("snapshot", "--type", "Offer", "AMM", "--out", "out").code == 0
    lines = Path("out/objects.jsonl").read_text().splitlines()
    assert {json.loads(line)["LedgerEntryType"] for line in lines} == {"Offer", "AMM"}


def test_types_stand_after_their_option(cli: Cli) -> None:
    done = cli("snapshot", "Offer", "--out", "out")
    assert done.code == 2
    assert "unexpected: Offer; types stand after --type" in done.err


EMPTY = "the path is empty"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["backfill", "1:2", "--out", ""], EMPTY),
        (["daemon", "--out", ""], EMPTY),
        (["daemon", "--state", ""], EMPTY),
        (["daemon", "--config", ""], EMPTY),
        (["snapshot", "--out", ""], EMPTY),
        (["books", "--out", ""], EMPTY),
        (["payments", "1:2", "--out", ""], EMPTY),
        (["record", "1:2", "--out", ""], EMPTY),
        (["redeliver", "--out", ""], EMPTY),
        (["schema", "export", "--out", ""], EMPTY),
        (["verify", ""], EMPTY),
        (["check", ""], EMPTY),
        (["graph", ""], EMPTY),
        (["replay", ""], EMPTY),
        (["replay", "sample", "--host", ""], "it is empty"),
        (["backfill", "1:2", "--network", ""], "it is empty"),
        (["daemon", "--network", ""], "it is empty"),
        (["nodes", "--network", " "], "it is empty"),
        (["verify", "here", "--network", ""], "it is empty"),
        (["backfill", ""], "'' is not a range of ledgers"),
        (["replay", "sample", "--faults", ""], "it is empty"),
    ],
    ids=" ".join,
)
def test_what_is_empty_is_refused(cli: Cli, arguments: list[str], why: str) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert why in done.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "backfill 1:2 --out",
        "daemon --out",
        "daemon --state",
        "daemon --config",
        "snapshot --out",
        "books --out",
        "payments 1:2 --out",
        "record 1:2 --out",
        "redeliver --out",
        "schema export --out",
        "verify",
        "check",
        "graph",
        "replay",
    ],
)
def test_a_name_that_is_too_long_is_refused(cli: Cli, command: str) -> None:
    done = cli(*command.split(), "x/" + 300 * "é" + "/y")
    assert done.code == 2
    assert "255 is the limit" in done.err


def test_a_name_that_is_too_long_in_a_configuration(cli: Cli) -> None:
    Path("long.toml").write_text(f'state = "{300 * "x"}"\n')
    done = cli("check", "long.toml")
    assert (done.code, done.errors) == (
        2,
        ["long.toml:1: state: a name in it has 300 bytes; 255 is the limit"],
    )


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("backfill 421:422", "transactions.jsonl"),
        ("backfill 421:422 --format parquet", "transactions/part.parquet"),
        ("daemon --http off --until 421", "amms.jsonl"),
        ("payments 478:478", "payments.jsonl"),
        ("books", "book_offers.jsonl"),
        ("snapshot", "objects.jsonl"),
        ("record 478:478", "ledger_v2_binary.jsonl.gz"),
    ],
)
def test_a_folder_with_somebody_elses_files_is_refused(cli: Cli, command: str, file: str) -> None:
    foreign = Path("out") / file
    foreign.parent.mkdir(parents=True)
    foreign.write_text("not ours\n")
    done = cli(*command.split(), "--out", "out")
    assert done.code == 2
    assert len(done.errors) == 1
    assert "is there already" in done.errors[0]
    assert "another program wrote it; choose another with --out DIR" in done.errors[0]
    assert foreign.read_text() == "not ours\n"
    foreign.unlink()
    assert cli(*command.split(), "--out", "out").code == 0
    assert cli(*command.split(), "--out", "out").code == 0


def test_a_folder_for_the_state_alone_may_hold_any_files(cli: Cli) -> None:
    Path("data").mkdir()
    Path("data/transactions.jsonl").write_text("not ours\n")
    Path("c.toml").write_text(
        'state = "data"\n[collectors.a]\ntype = "stdout"\nrecords = ["ledgers"]\n'
    )
    assert cli("daemon", "--config", "c.toml", "--until", "422", "--http", "off").code == 0
    assert Path("data/transactions.jsonl").read_text() == "not ours\n"


@pytest.mark.parametrize(
    ("command", "file"),
    [("payments -3:", "payments.jsonl"), ("record -3:", "ledger_v2_binary.jsonl.gz")],
)
async def test_the_newest_ledgers_stay_the_same_when_it_is_run_again(
    cli: Cli, command: str, file: str
) -> None:
    """Run again when more ledgers have closed, it continues with the same ones."""
    lines = {}
    for start_at in (533, 538):
        with Recording.sample() as sample:
            async with ReplayNode(sample, close_every=3600, start_at=start_at) as node:
                done = await asyncio.to_thread(
                    run_elsewhere, *command.split(), "--out", "out", "--network", node.url
                )
        assert done.returncode == 0, done.stderr
        lines[start_at] = await asyncio.to_thread(Path("out", file).read_bytes)
    assert lines[533] == lines[538] != b""


def run_elsewhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ekspiper.xrpl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
