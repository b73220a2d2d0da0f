"""`ekspiper prove` and `ekspiper verify --signed`, from files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..attestation.small_folder import chain, write_folder
from ..trust.small_ledger import SmallLedger
from ..trust.small_network import SmallNetwork, key
from .conftest import Cli


@pytest.fixture(scope="module")
def ledgers() -> list[SmallLedger]:
    return chain(100, 120)


@pytest.fixture
def folder(ledgers: list[SmallLedger], tmp_path: Path) -> Path:
    return write_folder(tmp_path / "out", SmallNetwork(), ledgers, (112, 120))


@pytest.fixture(scope="module")
def publisher() -> str:
    return SmallNetwork().publisher.public.hex().upper()


def test_a_proof_is_written_and_checked(
    cli: Cli, folder: Path, ledgers: list[SmallLedger], publisher: str
) -> None:
    tx = next(iter(ledgers[5].transactions)).hex().upper()
    done = cli("prove", tx, "--in", folder, "--out", "proof.json", "--trust", publisher)
    assert (done.code, done.out) == (0, "")
    assert f"Transaction {tx} is in ledger 105" in done.err
    done = cli("prove", "--check", "proof.json", "--trust", publisher)
    assert done.code == 0
    assert "Ledger 112 is signed by 5 of 5 validators of list 1 of n" in done.out
    done = cli("prove", "--check", "proof.json", "--trust", publisher, "--json")
    assert json.loads(done.out)["signers"] == 5


def test_without_the_publisher_a_proof_does_not_hold(
    cli: Cli, folder: Path, ledgers: list[SmallLedger], publisher: str
) -> None:
    tx = next(iter(ledgers[5].transactions)).hex().upper()
    cli("prove", tx, "--in", folder, "--out", "proof.json", "--trust", publisher)
    done = cli("prove", "--check", "proof.json")
    assert done.code == 1
    assert "which is not trusted" in done.errors[0]


def test_a_changed_proof_does_not_hold(
    cli: Cli, folder: Path, ledgers: list[SmallLedger], publisher: str
) -> None:
    tx = next(iter(ledgers[5].transactions)).hex().upper()
    cli("prove", tx, "--in", folder, "--out", "proof.json", "--trust", publisher)
    path = Path("proof.json")
    path.write_text(path.read_text().replace("1000000", "9000000", 1))
    done = cli("prove", "--check", "proof.json", "--trust", publisher)
    assert done.code == 1
    assert "proof.json does not hold:" in done.errors[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["prove"],
        ["prove", "abc", "--in", "."],
        ["prove", "AB" * 32],
        ["prove", "AB" * 32, "--check", "x"],
        ["prove", "AB" * 32, "--in", ".", "--format", "pdf"],
        ["prove", "--check", "missing.json"],
        ["prove", "--check", "missing.json", "--trust", "nobody"],
        ["anchor", "--network", "sample"],
    ],
)
def test_what_cannot_be_used_is_refused(cli: Cli, arguments: list[str]) -> None:
    assert cli(*arguments).code == 2


def test_every_signed_ledger_is_shown(cli: Cli, folder: Path, publisher: str) -> None:
    done = cli("verify", folder, "--signed", "--deep", "--trust", publisher)
    assert done.code == 0, done.err
    assert "100 to 112: ledger 112 is signed by 5 of 5 validators of list 1 of n" in done.out
    assert "113 to 120: ledger 120 is signed" in done.out
    assert "which holds until 2026-" in done.out
    assert "21 of 21 ledgers signed by at least 5 of 5 validators." in done.out


def test_ledgers_that_are_not_signed_are_named(
    cli: Cli, ledgers: list[SmallLedger], tmp_path: Path, publisher: str
) -> None:
    folder = write_folder(tmp_path / "out", SmallNetwork(), ledgers, (112,))
    done = cli("verify", folder, "--signed", "--trust", publisher)
    assert done.code == 1
    assert "13 of 21 ledgers signed" in done.out
    lines = [line for line in done.err.splitlines() if "is not signed" in line]
    assert len(lines) == 8
    assert "ledger 113 is not signed: the archive has no signed ledger after it" in lines[0]


def test_another_publisher(cli: Cli, folder: Path) -> None:
    other = key("another", ed25519=True).public.hex()
    done = cli("verify", folder, "--signed", "--trust", other, "--json")
    assert done.code == 1
    assert json.loads(done.out)["signed"] == []
