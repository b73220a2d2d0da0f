"""Real ledgers for the tests of the codec: two in the project, all others where they are recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

LEDGERS = Path(__file__).parents[1] / "ledgers"

# What a server adds to the metadata that it serves.
MADE_UP = {"delivered_amount", "nftoken_id", "nftoken_ids", "offer_id", "mpt_issuance_id"}


class Printed(NamedTuple):
    """A transaction's bytes, and what the server printed for them."""

    tx_blob: bytes
    meta_blob: bytes
    tx_json: dict[str, Any]
    meta: dict[str, Any]


def printed(binary: dict[str, Any], as_json: dict[str, Any]) -> Iterator[Printed]:
    """The transactions of one ledger from both answers (api_version 2)."""
    rows = {row["hash"]: row for row in as_json["ledger"]["transactions"]}
    for row in binary["ledger"]["transactions"]:
        tx_json = dict(rows[row["hash"]]["tx_json"])
        if "DeliverMax" in tx_json:
            tx_json["Amount"] = tx_json.pop("DeliverMax")
        meta = rows[row["hash"]]["meta"]
        yield Printed(
            bytes.fromhex(row["tx_blob"]),
            bytes.fromhex(row["meta_blob"]),
            tx_json,
            {key: value for key, value in meta.items() if key not in MADE_UP},
        )


@pytest.fixture(scope="session")
def transactions() -> list[Printed]:
    """The transactions of the ledgers in the project: 9, of 8 types."""
    found: list[Printed] = []
    for path in sorted(LEDGERS.glob("*.json")):
        ledger = json.loads(path.read_text())
        found += printed(ledger["binary"], ledger["json"])
    return found


@pytest.fixture(scope="session")
def definitions_json() -> dict[str, Any]:
    """The content of xrpl-py's `definitions.json`, to be altered in copies."""
    spec = find_spec("xrpl.core.binarycodec.definitions")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).with_name("definitions.json")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded
