"""What validators said is served as it was recorded, and with faults."""

from __future__ import annotations

import asyncio
import base64
import gzip
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.replay import SAMPLE, FaultPlan, Recording, RecordingError, ReplayNode
from ekspiper.xrpl.sources import LedgerRange

from .conftest import ask, client

HEARD = {"command": "subscribe", "streams": ["validations", "manifests"], "api_version": 2}
FIRST = 421


def line(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"


def validation(ledger_index: int, validator: int) -> dict[str, Any]:
    signature = f"3045{validator:02}{ledger_index:04}AB" * 3
    return {
        "type": "validationReceived",
        "ledger_index": ledger_index,
        "ledger_hash": "00" * 32,
        "data": f"22800000{signature}FF",
        "signature": signature,
        "full": True,
    }


# Two manifests of one master key, as rippled wrote them; the second came in the stream.
MASTER = "nHBC8kuPRHmELhM9Ddx8STfHUL9EHr7y6ov51yHQYAXT2JZwb3mV"
NEW_KEY = "n94fzWu6QjJS6hcyvbJdQDJhBQxL2Uow5wtKYt9E4mia8ZmVvK1t"
SECOND = (
    "24000000027121ED29ABC3ACE3347CEBEF351746F982E108C16B2116EBC538B71EA92B93FA5464CD732103D723E41C"
    "808EB7EA39EE0CCB67A2C1C2519308ADB7BA3F2CB2723D67C22B2FC576473045022100AE2D6FE711A05F2B8B8640F7"
    "6FBC29C2822C1AB4B8BFAA95D0489C80A3FE37FF02206249064D53C2FE728EE15587A120FBD86D330BD7D12C4F4F96"
    "1CE748980491B0771676616C696461746F72332E6578616D706C652E6F726770124068A54E5D530894D2E58F19C077"
    "92AB8B1EFA6BBADD517CE699475488453BA7D54BC3ED46DE116B3E841599D55A909A1AD33B21689858471B388260A6"
    "71D7D706"
)
ROTATION = {
    "type": "manifestReceived",
    "master_key": MASTER,
    "signing_key": NEW_KEY,
    "seq": 2,
    "manifest": SECOND,
}
PUBLISHER = "ED2C9E9E806525E77E6EC08FD24ECDEBC4F1D2D14D374CC576EFCE9F217E8225EC"


def published(sequence: int) -> bytes:
    # As the first manifest of that key stands in the list; only its fields matter here.
    manifest = bytes.fromhex(SECOND.replace("2400000002", "2400000001", 1))
    rows = [{"validation_public_key": "ED" * 33, "manifest": base64.b64encode(manifest).decode()}]
    blob = base64.b64encode(orjson.dumps({"sequence": sequence, "validators": rows})).decode()
    return orjson.dumps({"public_key": PUBLISHER, "blob": blob, "version": 1})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ledgers 421 to 426 of the sample, each with four validations in time and one that is late."""
    with gzip.open(SAMPLE / "ledger_v2_binary.jsonl.gz") as file:
        lines = [next(file) for _ in range(6)]
    (tmp_path / "ledgers.jsonl").write_bytes(b"".join(lines))
    stream = [line(validation(FIRST, 0))]
    for index in range(FIRST + 1, FIRST + 6):
        if index == FIRST + 3:
            stream.append(line(ROTATION))
        stream += [line(validation(index, validator)) for validator in range(4)]
        result = orjson.loads(lines[index - FIRST])["response"]["result"]
        stream.append(
            line(
                {
                    "type": "ledgerClosed",
                    "ledger_index": index,
                    "ledger_hash": result["ledger_hash"],
                    "ledger_time": 1,
                }
            )
        )
        stream.append(line(validation(index, 4)))
    stream.append(line(validation(FIRST + 6, 0)))
    (tmp_path / "stream.jsonl").write_bytes(b"".join(stream))
    (tmp_path / "vl.json").write_bytes(published(7))
    return tmp_path


@pytest.fixture
def recording(folder: Path) -> Iterator[Recording]:
    with Recording.load(folder) as loaded:
        yield loaded


async def heard(node: ReplayNode, wanted: int, **more: Any) -> list[dict[str, Any]]:
    """The first messages that a subscriber of everything gets while all ledgers close."""
    got = []
    request = {**HEARD, "streams": ["ledger", *HEARD["streams"]], **more}
    async with client(node) as socket:
        answer = await ask(socket, request)
        assert answer["status"] == "success"
        for index in range(FIRST + 1, FIRST + 6):
            node.release(index)
        async with asyncio.timeout(5):
            for _ in range(wanted):
                got.append(orjson.loads(await socket.recv()))
    return got


def said(message: dict[str, Any]) -> tuple[str, Any]:
    return message["type"], message.get("ledger_index")


def slow(recording: Recording, **options: Any) -> ReplayNode:
    """A node whose ledgers close when the test says so."""
    return ReplayNode(recording, close_every=3600, **options)


async def test_everything_comes_in_the_order_recorded(folder: Path, recording: Recording) -> None:
    expected = [orjson.loads(each) for each in (folder / "stream.jsonl").read_bytes().splitlines()]
    expected.pop()  # of a ledger that was not recorded
    async with slow(recording) as node:
        got = await heard(node, len(expected))
    assert [said(each) for each in got] == [said(each) for each in expected]
    assert [each.get("data") for each in got] == [each.get("data") for each in expected]


async def test_version_1_has_the_ledger_as_text(recording: Recording) -> None:
    async with slow(recording) as node:
        got = await heard(node, 3, api_version=1)
    assert said(got[0]) == ("validationReceived", str(FIRST))


async def test_of_a_closed_recording_the_newest_ledger_is_signed(recording: Recording) -> None:
    async with ReplayNode(recording) as node, client(node) as socket:
        await ask(socket, HEARD)
        got = [orjson.loads(await socket.recv()) for _ in range(5)]
    assert {said(each) for each in got} == {("validationReceived", FIRST + 5)}


async def test_a_manifest_is_known_from_its_ledger_on(recording: Recording) -> None:
    async with slow(recording) as node, client(node) as socket:

        async def known(key: str) -> Any:
            result = (await ask(socket, {"command": "manifest", "public_key": key}))["result"]
            assert result["requested"] == key
            return result.get("details", {}).get("seq")

        assert (await known(MASTER), await known(NEW_KEY)) == (1, 1)
        node.release(FIRST + 2)
        assert await known(MASTER) == 1
        node.release(FIRST + 3)
        assert (await known(MASTER), await known(NEW_KEY)) == (2, 2)
        in_hex = "ED29ABC3ACE3347CEBEF351746F982E108C16B2116EBC538B71EA92B93FA5464CD"
        assert await known(in_hex) == 2
        assert await known("ED" * 33) is None
        answer = await ask(socket, {"command": "manifest", "public_key": "nobody"})
        assert answer["error"] == "invalidParams"


async def test_the_list_is_served_beside_the_socket(recording: Recording) -> None:
    assert recording.publisher_keys == [PUBLISHER]
    async with ReplayNode(recording) as node, aiohttp.ClientSession() as http:
        for url in (node.list_url, f"{node.http_url}/vl.json", f"{node.http_url}/vl/{PUBLISHER}"):
            async with http.get(url) as got:
                assert (got.status, await got.read()) == (200, published(7))


async def test_each_publisher_has_its_list(folder: Path) -> None:
    other = "ED" + "AB" * 32
    (folder / "vl-1.json").write_bytes(published(99).replace(PUBLISHER.encode(), other.encode()))
    with Recording.load(folder) as recording:
        assert recording.publisher_keys == [PUBLISHER, other]
        async with ReplayNode(recording) as node, aiohttp.ClientSession() as http:
            for path, sequence in (("", 7), (f"/{PUBLISHER}", 7), (f"/{other}", 99), ("/x", None)):
                async with http.get(node.list_url + path) as got:
                    blob = orjson.loads(await got.read())["blob"] if got.status == 200 else None
                    held = orjson.loads(base64.b64decode(blob))["sequence"] if blob else None
                    assert held == sequence


async def test_without_a_list_there_is_none() -> None:
    with Recording.sample() as sample:
        node = ReplayNode(sample)
        async with node, aiohttp.ClientSession() as http, http.get(node.list_url) as got:
            assert got.status == (404 if not sample.validator_lists else 200)


async def test_validations_that_are_missing(recording: Recording) -> None:
    at = FIRST + 2
    async with slow(recording, faults=f"missingValidations@{at}-{at + 1}=2") as node:
        got = await heard(node, 5 * 5 + 1 + 2 * (2 + 1) - 2 * 5)
    counts = Counter(each["ledger_index"] for each in got if each["type"] == "validationReceived")
    assert (counts[at - 1], counts[at], counts[at + 1], counts[at + 2]) == (5, 2, 2, 5)
    assert node.faults_injected["missingValidations"] == 2


async def test_validations_that_are_forged(recording: Recording) -> None:
    at = FIRST + 2
    async with slow(recording, faults=f"forgedValidation@{at}") as node:
        got = await heard(node, 20)
    for each in got:
        if each["type"] != "validationReceived":
            continue
        assert each["signature"] in each["data"]
        true = {validation(each["ledger_index"], number)["data"] for number in range(5)}
        assert (each["data"] in true) is (each["ledger_index"] != at)
        if each["ledger_index"] == at:
            assert min((int(each["data"], 16) ^ int(t, 16)).bit_count() for t in true) == 1


async def test_a_rotated_key_whose_manifest_is_held_back(recording: Recording) -> None:
    async with slow(recording, faults="rotatedKey") as node, client(node) as socket:
        await ask(socket, {**HEARD, "streams": ["manifests"]})
        node.release(FIRST + 5)
        answer = await ask(socket, {"command": "manifest", "public_key": MASTER})
        assert answer["result"]["details"]["seq"] == 1


async def test_an_old_list(folder: Path) -> None:
    (folder / "vl-1.json").write_bytes(published(3))
    with Recording.load(folder) as recording:
        assert [each.sequence for each in recording.validator_lists] == [3, 7]
        async with aiohttp.ClientSession() as http:
            for faults, sequence in ((None, 7), ("oldList", 3)):
                node = ReplayNode(recording, faults=faults)
                async with node, http.get(node.list_url) as got:
                    assert await got.read() == published(sequence)


def test_an_old_list_needs_two(recording: Recording) -> None:
    with pytest.raises(ConfigError, match="needs two validator lists"):
        ReplayNode(recording, faults="oldList")


def test_a_list_that_cannot_be_read(folder: Path) -> None:
    (folder / "vl.json").write_bytes(b'{"public_key": "n"}')
    with pytest.raises(RecordingError, match=r"vl\.json: not a validator list"):
        Recording.load(folder)


async def test_a_forged_chain_is_consistent(fetch_all: Any) -> None:
    with Recording.sample() as sample:
        true = [record.hash for record in sample.ledgers.values()]
        forging = ReplayNode(sample, faults="forgedChain@438")
        async with forging as node, NodePool(node.url) as pool:
            ledgers = await fetch_all(pool, LedgerRange(pool, [(421, 540)]))
            state = await pool.request(
                {"command": "ledger_data", "ledger_index": 540, "binary": True, "limit": 8}
            )
            info = await pool.request({"command": "server_info"})
        # Each was verified: its header, its transactions, its parent.
        forged = [ledger.ledger_hash for ledger in ledgers]
        places = [
            place for place, pair in enumerate(zip(true, forged, strict=True)) if len({*pair}) > 1
        ]
        assert 17 <= places[0] < 20
        assert places == list(range(places[0], 120))
        assert state["ledger_hash"] == forged[-1] == info["info"]["validated_ledger"]["hash"]
        async with ReplayNode(sample) as node, NodePool(node.url) as pool:
            honest = await fetch_all(pool, LedgerRange(pool, [(421, 540)]))
    counts = [
        len(a.transactions) - len(b.transactions) for a, b in zip(honest, ledgers, strict=True)
    ]
    assert sum(counts) == 1


def test_a_forged_chain_needs_its_first_ledger() -> None:
    with pytest.raises(ConfigError, match="forgedChain: say which ledgers"):
        FaultPlan.parse("forgedChain")


@pytest.fixture
def fetch_all() -> Any:
    from ekspiper.xrpl.processors import FetchLedger

    async def fetch(pool: NodePool, source: LedgerRange) -> list[Any]:
        fetcher = FetchLedger(pool)
        return [await fetcher.fetch(ref) async for ref in source]

    return fetch


@pytest.fixture(scope="module")
def network(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """The recorded network, without what is not needed here."""
    found = shared_data / "network"
    if not found.is_dir():
        pytest.skip(f"the recorded network is not there: {found}")
    folder = tmp_path_factory.mktemp("network")
    for name in ("ledger_v2_binary.jsonl.gz", "stream_v2.jsonl.gz", "misc.jsonl.gz", "vl.json"):
        shutil.copy(found / name, folder)
    with Recording.load(folder) as loaded:
        yield loaded


@pytest.mark.parametrize("faults", [None, "forgedValidation@438-448", "missingValidations@538=3"])
async def test_the_recorded_network_is_signed(network: Recording, faults: str | None) -> None:
    """Every ledger by its own quorum, from the list and the stream alone."""
    trust = pytest.importorskip("ekspiper.xrpl.trust")
    pytest.importorskip("nacl")
    document = network.validator_lists[-1].data
    (published,) = trust.read_validator_lists(document, {bytes.fromhex(network.publisher_keys[0])})
    tally = trust.ValidationTally(trust.ValidatorSet.of_list(published))
    signed: dict[int, str] = {}
    node = ReplayNode(network, close_every=3600, faults=faults)
    async with node, NodePool(node.url) as pool:
        stream = pool.subscribe(["ledger", "validations", "manifests"])
        async for message in stream:
            node.release(network.last)
            if message["type"] == "manifestReceived":
                made = trust.Manifest.from_bytes(bytes.fromhex(message["manifest"]))
                verdicts = [each.verdict for each in tally.add_manifest(made)]
            elif message["type"] == "validationReceived":
                try:
                    counted = tally.add(trust.Validation.from_hex(message["data"]))
                except trust.TrustError:
                    continue
                verdicts = [counted.verdict]
            else:
                if message["ledger_index"] == network.last:
                    break
                continue
            for verdict in filter(None, verdicts):
                signed[verdict.ledger_index] = verdict.ledger_hash.hex().upper()
    struck = set(range(438, 449)) if faults and "forged" in faults else {538} if faults else set()
    expected = {i: r.hash for i, r in network.ledgers.items() if i not in struck}
    assert {i: h for i, h in signed.items() if i <= network.last} == expected
