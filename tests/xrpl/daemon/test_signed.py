"""The daemon on a network of real validators: what it records, and what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.attestation import Evidence
from ekspiper.xrpl.replay import SAMPLE, Recording, ReplayNode
from ekspiper.xrpl.trust import key_text, read_validator_lists
from ekspiper.xrpl.trustees import read_trustees

from .conftest import Http, Running

FIRST, LAST = 430, 460  # the third validator has a newer key than the list says, the fifth is away


@pytest.fixture
def trust() -> str:
    """The publisher of the sample network, and its list."""
    path = Path(SAMPLE) / "vl.json"
    return f"{orjson.loads(path.read_bytes())['public_key']}={path}"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def recorded(folder: str = "o") -> dict[int, dict[str, Any]]:
    path = Path(folder, "ledgers.jsonl")
    lines = path.read_bytes().splitlines() if path.exists() else ()
    return {record["ledger_index"]: record for record in map(orjson.loads, lines)}


def options(node: ReplayNode, trust: str, **more: Any) -> dict[str, Any]:
    return {"network": node.url, "out": "o", "from": FIRST, "trust": [trust], **more}


def exists(name: str) -> bool:
    return Path("o", name).exists()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_every_ledger_is_signed_and_the_folder_proves_it(
    sample: Recording, trust: str, running: Running
) -> None:
    async with (
        ReplayNode(sample, close_every=0, start_at=FIRST) as node,
        running("", **options(node, trust, until=LAST)) as task,
    ):
        outcome = await task
    assert outcome.signed
    records = recorded()
    assert sorted(records) == list(range(FIRST, LAST + 1))
    assert all(index <= record["signed_by"] <= LAST for index, record in records.items())
    evidence = Evidence.of_folder(Path("o"), read_trustees([trust]))
    assert evidence.unsigned() == {}
    assert evidence.faults == []
    true = {index: ledger_hash for ledger_hash, index in sample.by_hash.items()}
    assert all(true[index] == record["ledger_hash"] for index, record in records.items())


async def test_one_node_with_a_forged_chain(
    sample: Recording, trust: str, running: Running, http: Http
) -> None:
    async with (
        ReplayNode(sample, close_every=0, start_at=FIRST, faults="forgedChain@440") as node,
        running("", **options(node, trust)),
    ):
        text = await http.until("/ready", 503, "signatures: a node says that ledger")
        assert "but the validators have signed" in str(text)
        await until(lambda: 439 in recorded())
    records = recorded()
    assert sorted(records) == list(range(FIRST, 440))
    assert not exists("dead_letters.jsonl")


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ("missingValidations", "no node gives validations"),
        ("missingValidations=3", "is signed by 3 of 5 validators"),
        ("forgedValidation", "no validation that nodes give counts"),
    ],
)
async def test_without_a_quorum_it_waits_and_says_why(
    sample: Recording, trust: str, running: Running, http: Http, faults: str, reason: str
) -> None:
    config = "[http]\nnetwork_patience = 0.2\n"
    async with (
        ReplayNode(sample, close_every=0, start_at=FIRST, faults=faults) as node,
        running(config, **options(node, trust)) as task,
    ):
        await http.until("/ready", 503, reason)
        assert not task.done()
    assert recorded() == {}
    assert not exists("dead_letters.jsonl")


@pytest.fixture
def validators(tmp_path: Path) -> str:
    """A file with the keys of the network's validators."""
    (source,) = read_validator_lists((Path(SAMPLE) / "vl.json").read_bytes())
    path = tmp_path / "validators.txt"
    path.write_text("\n".join(map(key_text, source.validators)))
    return str(path)


async def test_validators_that_are_named_without_a_list(
    sample: Recording, running: Running, validators: str
) -> None:
    async with (
        ReplayNode(sample, close_every=0.02, start_at=FIRST) as node,
        running("", **options(node, validators, until=450)) as task,
    ):
        outcome = await task
    assert outcome.signed == "4 of 5"
    assert sorted(recorded()) == list(range(FIRST, 451))
    evidence = Evidence.of_folder(Path("o"), read_trustees([validators]))
    assert evidence.unsigned() == {}


async def test_hashed_is_a_choice(sample: Recording, running: Running, trust: str) -> None:
    async with (
        ReplayNode(sample, close_every=0, start_at=FIRST) as node,
        running(
            "", network=node.url, out="o", trust="hashed", until=440, **{"from": FIRST}
        ) as task,
    ):
        outcome = await task
    assert not outcome.signed
    assert not any("signed_by" in record for record in recorded().values())
    assert not exists("proofs.jsonl")


async def test_a_restart_proves_the_gap_by_a_later_ledger(
    sample: Recording, trust: str, running: Running
) -> None:
    async with (
        ReplayNode(sample, close_every=0, start_at=FIRST) as node,
        running("", **options(node, trust, until=440)) as task,
    ):
        await task
    # Meanwhile 30 ledgers have closed, and nobody repeats their validations.
    async with (
        ReplayNode(sample, close_every=0.05, start_at=470) as node,
        running("", **options(node, trust, until=475)) as task,
    ):
        await task
    records = recorded()
    assert sorted(records) == list(range(FIRST, 476))
    assert records[450]["signed_by"] >= 470
    assert Evidence.of_folder(Path("o"), read_trustees([trust])).unsigned() == {}
