"""Arguments that are well formed and mean nothing get exit code 2, and what is done says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Cli


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("nodes --network ,", "',' names no network and no node"),
        ("nodes --network sample,mainnet", "'sample' is not the URL of a node; it looks like wss:"),
        ("daemon --until 541 --http off", "--until: the sample network ends at ledger 540"),
        ("redeliver --out nowhere", "no dead letters: nowhere is not a folder"),
        ("schema export --out taken/x", "cannot write taken/x: "),
    ],
)
def test_they_are_told_in_one_line(cli: Cli, arguments: str, line: str) -> None:
    Path("taken").touch()
    done = cli(*arguments.split())
    assert done.code == 2
    assert len(done.errors) == 1
    assert done.errors[0].startswith(line)


@pytest.mark.parametrize("command", ["snapshot", "books"])
@pytest.mark.parametrize("ledger", [0, -1, 2**32])
def test_a_ledger_that_cannot_be(cli: Cli, command: str, ledger: int) -> None:
    done = cli(command, "--ledger", ledger)
    assert done.code == 2
    assert "Invalid value for '--ledger'" in done.err


def test_a_daemon_says_where_it_goes_on(cli: Cli) -> None:
    assert cli("daemon", "--from", 538, "--until", 538, "--http", "off", "--out", "out").code == 0
    done = cli("daemon", "--from", 428, "--until", 429, "--http", "off", "--out", "out")
    assert done.code == 0
    assert "state in out: resuming at ledger 539" in done.err
    assert "Nothing to do: this folder was at ledger 538 already." in done.err
    Path("out/dead_letters.jsonl").write_text("{}\n")
    done = cli("daemon", "--until", 538, "--http", "off", "--out", "out")
    assert "There are dead letters from earlier in out/dead_letters.jsonl" in done.err


def test_a_dry_run_of_what_no_node_has(cli: Cli) -> None:
    done = cli("backfill", "3:90000000", "--out", "out", "--dry-run")
    assert done.code == 0
    assert "No node has 89,999,878 of them: 3-420,541-90000000." in done.err
    assert "Would send 120 requests and receive about" in done.err
    done = cli("backfill", "3:4", "--out", "out", "--dry-run")
    assert "Would send 0 requests and receive about 0.0 MB (from 0 ledgers looked at)." in done.err


def test_a_dry_run_leaves_the_folder_to_any_format(cli: Cli) -> None:
    done = cli("backfill", "421:422", "--out", "out", "--dry-run")
    assert (done.code, list(Path("out").iterdir())) == (0, [])
    assert "2 ledgers wanted, 0 are in out; missing: 421-422." in done.err
    assert cli("backfill", "421:422", "--out", "out").code == 0
    with Path("out/ledgers.jsonl").open("ab") as file:
        file.write(b'{"ledger_index":18')
    done = cli("backfill", "421:423", "--out", "out", "--dry-run")
    assert "3 ledgers wanted, 2 are in out; missing: 423." in done.err


@pytest.mark.parametrize(
    ("before", "now", "had", "wanted"),
    [
        ("--books", None, "verified, with order books", "verified, without order books"),
        (None, "--books", "verified, without order books", "verified, with order books"),
        ("--no-verify", None, "not verified, without order books", "verified, without order books"),
        (None, "--no-verify", "verified, without order books", "not verified, without order books"),
    ],
)
def test_all_ledgers_of_a_folder_are_fetched_alike(
    cli: Cli, before: str | None, now: str | None, had: str, wanted: str
) -> None:
    options = [[option] if option else [] for option in (before, now)]
    assert cli("backfill", "422:422", "--out", "out", *options[0]).code == 0
    done = cli("backfill", "422:423", "--out", "out", *options[1])
    assert done.code == 2
    assert done.errors == [
        f"out holds ledgers of network 1021, {had}, not of network 1021, {wanted}; give the same options "
        "as before, or choose another with --out DIR"
    ]
    assert cli("backfill", "422:423", "--out", "out", *options[0]).code == 0


def test_a_snapshot_of_other_types_is_another_snapshot(cli: Cli) -> None:
    assert cli("snapshot", "--out", "out", "--type", "Offer", "--type", "AMM").code == 0
    assert cli("snapshot", "--out", "out", "--type", "AMM", "--type", "Offer").code == 0
    done = cli("snapshot", "--out", "out")
    assert done.code == 1
    assert done.errors == [
        "out holds the state of xrpl network 1021, only AMM, Offer, not the state of xrpl network 1021; "
        "choose another with --out DIR"
    ]
