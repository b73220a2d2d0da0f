"""Arguments as people write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekspiper.xrpl.cli.arguments import arranged

from .conftest import Cli


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        ("backfill 5:6 --out o", "backfill 5:6 --out o"),
        ("backfill -3: --out o", "backfill --out o -- -3:"),
        ("backfill --out o -- -3: 5:6", "backfill --out o -- -3: 5:6"),
        ("payments -3: 5:6 -7:", "payments 5:6 -- -3: -7:"),
        ("schema collect -3:", "schema collect -- -3:"),
        ("backfill 5:6 --debug", "--debug backfill 5:6"),
        ("--debug backfill 5:6", "--debug backfill 5:6"),
        ("backfill 5:6 -- --debug", "backfill 5:6 -- --debug"),
        ("snapshot --type A B --out o", "snapshot --type A --type B --out o"),
        ("snapshot --type A --type B", "snapshot --type A --type B"),
        ("snapshot --out o --type A", "snapshot --out o --type A"),
        ("record -3: --out o", "record --out o -- -3:"),
    ],
)
def test_they_are_put_in_order(given: str, expected: str) -> None:
    assert arranged(given.split()) == expected.split()


def test_the_newest_ledgers_into_a_folder(cli: Cli) -> None:
    assert cli("backfill", "-2:", "--out", "out", "--debug").code == 0
    lines = Path("out/ledgers.jsonl").read_text().splitlines()
    assert [json.loads(line)["ledger_index"] for line in lines] == [301, 302]


def test_types_of_a_snapshot_stand_side_by_side(cli: Cli) -> None:
    assert cli("snapshot", "--type", "Offer", "AMM", "--out", "out").code == 0
    lines = Path("out/objects.jsonl").read_text().splitlines()
    assert {json.loads(line)["LedgerEntryType"] for line in lines} == {"Offer", "AMM"}
