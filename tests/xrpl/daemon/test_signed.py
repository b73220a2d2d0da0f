"""The daemon on a network of real validators: what it records, and what it waits for."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.attestation import Evidence, read_trustees
from ekspiper.xrpl.replay import Recording, ReplayNode

from .conftest import Http, Running

FIRST, LAST = 130, 160  # the third validator comes back with a new key after 136


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> Iterator[Recording]:
    with Recording.load(shared_data / "network") as loaded:
        yield loaded


@pytest.fixture
def trust(shared_data: Path) -> str:
    folder = shared_data / "network"
    publisher = orjson.loads((folder / "stats.json").read_bytes())["publisher"]
    return f"{publisher}={folder / 'vl.json'}"


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
    recording: Recording, trust: str, running: Running, shared_data: Path
) -> None:
    async with (
        ReplayNode(recording, close_every=0, start_at=FIRST) as node,
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
    with gzip.open(shared_data / "network" / "ledger_v2_binary.jsonl.gz") as lines:
        results = [orjson.loads(line)["response"]["result"] for line in lines]
    true = {int(each["ledger_index"]): each["ledger_hash"] for each in results}
    assert all(true[index] == record["ledger_hash"] for index, record in records.items())


async def test_one_node_with_a_forged_chain(
    recording: Recording, trust: str, running: Running, http: Http
) -> None:
    async with (
        ReplayNode(recording, close_every=0, start_at=FIRST, faults="forgedChain@140") as node,
        running("", **options(node, trust)),
    ):
        text = await http.until("/ready", 503, "signatures: a node says that ledger")
        assert "but the validators have signed" in str(text)
        await until(lambda: 139 in recorded())
    records = recorded()
    assert sorted(records) == list(range(FIRST, 140))
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
    recording: Recording, trust: str, running: Running, http: Http, faults: str, reason: str
) -> None:
    config = "[http]\nnetwork_patience = 0.2\n"
    async with (
        ReplayNode(recording, close_every=0, start_at=FIRST, faults=faults) as node,
        running(config, **options(node, trust)) as task,
    ):
        await http.until("/ready", 503, reason)
        assert not task.done()
    assert recorded() == {}
    assert not exists("dead_letters.jsonl")


@pytest.fixture
def validators(shared_data: Path, tmp_path: Path) -> str:
    """A file with the keys of the network's validators."""
    stats = orjson.loads((shared_data / "network" / "stats.json").read_bytes())
    path = tmp_path / "validators.txt"
    path.write_text("\n".join(stats["validators"]))
    return str(path)


async def test_validators_that_are_named_without_a_list(
    recording: Recording, running: Running, validators: str
) -> None:
    async with (
        ReplayNode(recording, close_every=0.02, start_at=FIRST) as node,
        running("", **options(node, validators, until=150)) as task,
    ):
        outcome = await task
    assert outcome.signed == "4 of 5"
    assert sorted(recorded()) == list(range(FIRST, 151))
    evidence = Evidence.of_folder(Path("o"), read_trustees([validators]))
    assert evidence.unsigned() == {}


async def test_hashed_is_a_choice(recording: Recording, running: Running, trust: str) -> None:
    async with (
        ReplayNode(recording, close_every=0, start_at=FIRST) as node,
        running(
            "", network=node.url, out="o", trust="hashed", until=140, **{"from": FIRST}
        ) as task,
    ):
        outcome = await task
    assert not outcome.signed
    assert not any("signed_by" in record for record in recorded().values())
    assert not exists("proofs.jsonl")


async def test_a_restart_proves_the_gap_by_a_later_ledger(
    recording: Recording, trust: str, running: Running
) -> None:
    async with (
        ReplayNode(recording, close_every=0, start_at=FIRST) as node,
        running("", **options(node, trust, until=140)) as task,
    ):
        await task
    # Meanwhile 30 ledgers have closed, and nobody repeats their validations.
    async with (
        ReplayNode(recording, close_every=0.05, start_at=170) as node,
        running("", **options(node, trust, until=175)) as task,
    ):
        await task
    records = recorded()
    assert sorted(records) == list(range(FIRST, 176))
    assert records[150]["signed_by"] >= 170
    assert Evidence.of_folder(Path("o"), read_trustees([trust])).unsigned() == {}
