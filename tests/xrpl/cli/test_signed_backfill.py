"""`ekspiper backfill` with signatures: chained by headers to a ledger that is known."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from ekspiper.xrpl.replay import Recording

from ..trust.small_network import SmallNetwork
from .conftest import Cli


@pytest.fixture(scope="module")
def span(sample: Recording) -> str:
    """The first eight ledgers of the sample."""
    return f"{sample.first}:{sample.first + 7}"


@pytest.fixture(scope="module")
def anchor(sample: Recording) -> str:
    """A later ledger of the sample, as somebody knows it."""
    index = sample.first + 30
    hashes = {at: ledger_hash for ledger_hash, at in sample.by_hash.items()}
    return f"{index}:{hashes[index]}"


@pytest.fixture
def trust(tmp_path: Path) -> str:
    """A publisher whose list has nothing to do with the sample, and holds."""
    network = SmallNetwork()
    path = tmp_path / "vl.json"
    path.write_text(json.dumps(network.document(expiration=0xFFFF_FFFF)))
    return f"{network.publisher.public.hex()}={path}"


def signed_by(folder: str) -> set[int | None]:
    lines = Path(folder, "ledgers.jsonl").read_bytes().splitlines()
    return {orjson.loads(line).get("signed_by") for line in lines}


def test_a_range_is_chained_to_an_anchor(cli: Cli, span: str, anchor: str, trust: str) -> None:
    done = cli("backfill", span, "--out", "o", "--trust", trust, "--anchor", anchor)
    assert done.code == 0, done.err
    assert "All are signed" in done.err
    assert signed_by("o") == {int(anchor.partition(":")[0])}
    done = cli("verify", "o", "--signed", "--anchor", anchor)
    assert done.code == 0, done.err
    assert "is what you gave" in done.out
    assert cli("verify", "o", "--signed").code == 1
    assert Path("o/headers.bin").stat().st_size % 118 == 0


def test_backwards(cli: Cli, span: str, anchor: str, trust: str) -> None:
    arguments = ("--out", "o", "--trust", trust, "--anchor", anchor, "--backwards")
    assert cli("backfill", span, *arguments).code == 0
    assert signed_by("o") == {int(anchor.partition(":")[0])}


def test_another_anchor_signs_nothing(cli: Cli, span: str, anchor: str, trust: str) -> None:
    wrong = anchor.partition(":")[0] + ":" + "AB" * 32
    done = cli("backfill", span, "--out", "o", "--trust", trust, "--anchor", wrong)
    assert done.code == 1
    assert "is not signed" in done.errors[-1]


@pytest.mark.parametrize("text", ["7", "7:ab", "x:" + "AB" * 32])
def test_what_is_not_an_anchor(cli: Cli, span: str, text: str) -> None:
    assert cli("backfill", span, "--anchor", text).code == 2


def test_without_signatures_the_last_line_says_so(cli: Cli, span: str) -> None:
    done = cli("backfill", span, "--out", "o", "--trust", "hashed")
    assert done.code == 0
    assert done.err.splitlines()[-1].startswith("Only hashes were checked")
    assert signed_by("o") == {None}
