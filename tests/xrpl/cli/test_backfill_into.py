"""`ekspiper backfill --config`: past ledgers to the collectors of a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.config import CollectorTable
from ekspiper.xrpl.replay import Recording

from ..trust.small_network import SmallNetwork
from .conftest import Cli

CONFIG = """\
network = "sample"
state = "state"

[collectors.files]
type = "jsonl"
path = "data/{records}.jsonl"

[collectors.lake]
type = "parquet"
path = "lake/{records}"
records = ["transactions"]

[collectors.metrics]
type = "metric"
"""


@pytest.fixture(autouse=True)
def config(cli: Cli) -> None:
    """In the folder of the test."""
    Path("c.toml").write_text(CONFIG)


def rows(path: str) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_beside_a_daemon_with_the_same_configuration(cli: Cli) -> None:
    daemon = ("daemon", "--config", "c.toml", "--from", 538, "--until", 540, "--http", "off")
    assert cli(*daemon).code == 0
    before = Path("data/ledgers.jsonl").read_bytes()
    done = cli("backfill", "528:537", "--config", "c.toml")
    assert done.code == 0
    assert "10 ledgers sent, 0 were sent before" in done.err
    assert "[collectors.metrics] is left out" in done.err
    assert Path("data/ledgers.jsonl").read_bytes() == before
    sent = rows("data/ledgers-backfill-528-537.jsonl")
    assert [ledger["ledger_index"] for ledger in sent] == list(range(528, 538))
    assert Path("lake/transactions-backfill-528-537").is_dir()
    assert cli(*daemon).code == 0


def test_again_it_sends_nothing_and_says_so(cli: Cli) -> None:
    for before in (0, 3):
        done = cli("backfill", "528:530", "--config", "c.toml", "--json")
        report = json.loads(done.out)
        assert (done.code, report["sent"], report["before"]) == (0, 3 - before, before)
        assert (report["left"], report["missing"]) == (None, [])
    assert len(rows("data/ledgers-backfill-528-530.jsonl")) == 3
    assert Path("state/backfill/backfill-528-530").is_dir()


def test_ledgers_that_nobody_has(cli: Cli) -> None:
    done = cli("backfill", "419:421", "--config", "c.toml", "--state", "own")
    assert done.code == 3
    assert "  missing 419-420: no node has it" in done.err
    assert len(rows("own/backfill-419-421/dead_letters.jsonl")) == 2


def test_order_books_on_request(cli: Cli) -> None:
    assert cli("backfill", "538:540", "--config", "c.toml", "--books").code == 0
    assert rows("data/book_offers-backfill-538-540.jsonl")
    done = cli("backfill", "538:540", "--config", "c.toml")
    assert done.code == 2
    assert "give the same options as before, or choose another with --state DIR" in done.errors[0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--config", "c.toml", "--anchor", "480"], "--anchor takes INDEX:HASH"),
        (["--config", "c.toml", "--out", "o"], "--scheduler and --dry-run do not go with it"),
        (["--config", "c.toml", "--format", "parquet"], "--format"),
        (["--config", "c.toml", "--dry-run"], "--dry-run"),
        (["--state", "s"], "--state goes with --config"),
        (["--config", "none.toml"], "no collector of this configuration takes past ledgers"),
    ],
)
def test_what_does_not_go_together(cli: Cli, options: list[str], why: str) -> None:
    Path("none.toml").write_text('out = "o"\n[collectors.m]\ntype = "metric"\n')
    done = cli("backfill", "528:529", *options)
    assert done.code == 2
    assert why in " ".join(done.err.split())


def test_it_proves_to_the_signatures_as_the_plain_one_does(cli: Cli) -> None:
    done = cli("backfill", "430:440", "--config", "c.toml")
    said = "All are signed, through headers that lead to the ledgers of a quorum of validators."
    assert (done.code, done.err.splitlines()[-1]) == (0, said)
    sent = rows("data/ledgers-backfill-430-440.jsonl")
    assert all(ledger["signed_by"] >= ledger["ledger_index"] for ledger in sent)
    state = Path("state/backfill/backfill-430-440")
    assert (state / "proofs.jsonl").stat().st_size
    again = cli("backfill", "430:440", "--config", "c.toml", "--json")
    assert json.loads(again.out)["signed"] == 0  # nothing was sent this time


def test_signatures_are_the_configurations_or_the_command_lines(cli: Cli) -> None:
    Path("c.toml").write_text('trust = "hashed"\n' + CONFIG)
    done = cli("backfill", "430:432", "--config", "c.toml")
    assert done.err.splitlines()[-1].startswith("Only hashes were checked")
    assert "signed_by" not in rows("data/ledgers-backfill-430-432.jsonl")[0]
    done = cli("backfill", "433:434", "--config", "c.toml", "--trust", "signed", "--json")
    assert (done.code, json.loads(done.out)["signed"]) == (0, 2)


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    """A publisher whose list has nothing to do with the sample, and holds."""
    network = SmallNetwork()
    path = tmp_path / "vl.json"
    path.write_text(json.dumps(network.document(expiration=0xFFFF_FFFF)))
    return f"{network.publisher.public.hex()}={path}"


def test_an_anchor_proves_a_range(cli: Cli, stranger: str) -> None:
    with Recording.sample() as recording:
        anchor = f"450:{recording.ledgers[450].hash}"
    done = cli("backfill", "430:432", "--config", "c.toml", "--trust", stranger, "--anchor", anchor)
    assert done.code == 0, done.err
    assert "All are signed" in done.err.splitlines()[-1]
    wrong = "450:" + "AB" * 32
    done = cli("backfill", "433:434", "--config", "c.toml", "--trust", stranger, "--anchor", wrong)
    assert done.code == 1
    assert "is not signed" in done.errors[-1]


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("data/{records}.jsonl", "data/{records}-lane.jsonl"),
        ("{records}.jsonl.zst", "{records}-lane.jsonl.zst"),
        ("/lake.d/{records}", "/lake.d/{records}-lane"),
    ],
)
def test_a_file_of_its_own(path: str, beside: str) -> None:
    table = CollectorTable(("collectors", "a"), "jsonl", ("ledgers",), {"path": path})
    assert table.beside("lane").options == {"path": beside}


def test_a_table_takes_a_lane_and_others_stay_as_they_are() -> None:
    table = CollectorTable(("collectors", "a"), "postgres", ("ledgers",), {"table": "t"})
    assert table.beside("lane").options == {"table": "t", "lane": "lane"}
    table = CollectorTable(("collectors", "a"), "fluent", ("ledgers",), {"tag": "t"})
    assert table.beside("lane") is table
