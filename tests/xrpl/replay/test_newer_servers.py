"""JSON made from the bytes of a 3.3 server is what that server printed."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.replay import Recording
from ekspiper.xrpl.replay._answers import View, answer

BINARY = ("ledger_v2_binary", "ledger_data_v2_binary_540", "misc")


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    found = shared_data / "network"
    if not found.is_dir():
        pytest.skip(f"the recorded network is not there: {found}")
    return found


@pytest.fixture(scope="module")
def view(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """A node that knows the network in binary only."""
    only = tmp_path_factory.mktemp("binary")
    for name in BINARY:
        shutil.copy(folder / f"{name}.jsonl.gz", only)
    with Recording.load(only) as recording:
        yield View(recording)


def lines(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    with gzip.open(path) as file:
        for line in file:
            each = orjson.loads(line)
            yield each["request"], each["response"]["result"]


@pytest.mark.parametrize("name", ["ledger_v2", "ledger_data_v2_540"])
def test_every_answer_is_the_recorded_one(name: str, folder: Path, view: View) -> None:
    count = 0
    for request, expected in lines(folder / f"{name}.jsonl.gz"):
        assert orjson.loads(answer(view, request)) == expected
        count += 1
    assert count == {"ledger_v2": 537, "ledger_data_v2_540": 13}[name]


def test_only_tx_says_what_a_deleted_account_left(folder: Path, view: View) -> None:
    found = 0
    for _, ledger in lines(folder / "ledger_v2.jsonl.gz"):
        for each in ledger["ledger"]["transactions"]:
            if each["tx_json"]["TransactionType"] != "AccountDelete":
                continue
            assert "delivered_amount" not in each["meta"]
            for version in (1, 2):
                request = {"command": "tx", "transaction": each["hash"], "api_version": version}
                meta = orjson.loads(answer(view, request))["meta"]
                assert meta.get("delivered_amount") == each["meta"].get("DeliveredAmount")
                found += "delivered_amount" in meta
    assert found == 14
