"""Commands that take signatures from nodes: anchor, prove and backfill, on real validators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from ekspiper.xrpl.replay import SAMPLE, Recording

from .conftest import Cli
from .test_newer_networks import replayed


@pytest.fixture(scope="module")
def node(sample: Recording) -> Iterator[str]:
    """A node of the sample network, whose newest ledger is 540."""
    yield from replayed(sample)


@pytest.fixture
def trust() -> str:
    path = Path(SAMPLE) / "vl.json"
    return f"{orjson.loads(path.read_bytes())['public_key']}={path}"


def test_a_backfill_is_signed_by_the_newest_ledger(cli: Cli, node: str, trust: str) -> None:
    done = cli("backfill", "500:510", "-n", node, "-o", "o", "--trust", trust)
    assert done.code == 0, done.err
    assert "All are signed" in done.err
    done = cli("verify", "o", "--signed", "--trust", trust)
    assert done.code == 0, done.err
    assert "500 to 510: ledger 540 is signed by 4 of 5 validators" in done.out


def test_an_anchor_proves_the_past_by_skip_lists(cli: Cli, node: str, trust: str) -> None:
    done = cli("anchor", "-n", node, "-o", "o", "--trust", trust)
    assert done.code == 0, done.err
    assert "ledger 540 is signed by 4 of 5 validators" in done.out
    assert "2 skip lists of the state of ledger 540 are kept" in done.out
    done = cli("backfill", "505:508", "-n", node, "-o", "o", "--trust", trust)
    assert done.code == 0, done.err
    assert not Path("o/headers.bin").exists(), "the short list names them all"
    done = cli("verify", "o", "--signed", "--trust", trust)
    assert done.code == 0, done.err
    assert "4 of 4 ledgers signed by at least 4 of 5 validators" in done.out


def test_an_anchor_from_a_snapshot(cli: Cli, node: str, trust: str) -> None:
    done = cli("snapshot", "--ledger", "540", "-n", node, "-o", "state")
    assert done.code == 0, done.err
    done = cli("anchor", "-n", node, "--snapshot", "state", "--trust", trust)
    assert done.code == 0, done.err
    assert "2 skip lists of the state of ledger 540 are kept" in done.out


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 server, and the environment that leads to it."""
    pytest.importorskip("obstore", reason="obstore is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    server = pytest.importorskip("chaos.s3_server", reason="moto is not installed")
    with server.serving(tmp_path / "s3") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("s3")
def test_an_anchor_and_its_audit_in_an_object_store(cli: Cli, node: str, trust: str) -> None:
    from ekspiper.core.bucket import Bucket

    state, history = "s3://lake/state", "s3://lake/history"
    done = cli("snapshot", "--ledger", "540", "-n", node, "-o", state)
    assert done.code == 0, done.err
    done = cli("anchor", "-n", node, "--snapshot", state, "-o", history, "--trust", trust)
    assert done.code == 0, done.err
    assert f"{history}/proofs.jsonl: ledger 540 is signed by 4 of 5 validators" in done.out
    assert "2 skip lists of the state of ledger 540 are kept" in done.out
    done = cli("backfill", "505:508", "-n", node, "-o", history, "--trust", trust)
    assert done.code == 0, done.err
    signed = cli("verify", history, "--signed", "--trust", trust)
    assert signed.code == 0, signed.err
    assert "4 of 4 ledgers signed by at least 4 of 5 validators" in signed.out
    Bucket(history).remove(["proofs.jsonl"])
    unsigned = cli("verify", history, "--signed", "--trust", trust)
    assert unsigned.code == 1
    assert "ledger 505 is not signed: the archive has no signed ledger after it" in unsigned.err


def test_a_proof_by_what_a_node_serves(cli: Cli, node: str, trust: str) -> None:
    """After the rotation and the stopped validator, the list's own keys do not suffice."""
    cli("backfill", "441:443", "-n", node, "-o", "o", "--trust", "hashed")
    tx = json.loads(Path("o/transactions.jsonl").read_text().splitlines()[0])["hash"]
    done = cli("prove", tx, "-n", node, "-o", "p.json", "--trust", trust)
    assert done.code == 1
    assert "signed by 3 of 5 validators" in done.errors[-1]


def test_without_a_publisher(cli: Cli, node: str) -> None:
    done = cli("anchor", "-n", node, "-o", "o")
    assert done.code == 2
    assert "no publisher of validator lists is known for network 1021" in done.errors[-1]


@pytest.mark.usefixtures("impatient")
def test_the_newest_of_another_list_signs_nothing(cli: Cli, node: str, shared_data: Path) -> None:
    other = shared_data / "trust" / "validator-list-v1.json"
    key = json.loads(other.read_text())["public_key"]
    done = cli("backfill", "500:501", "-n", node, "-o", "o", "--trust", f"{key}={other}")
    assert done.code == 1
    assert "expired on 2022-11-13" in done.errors[-1]
