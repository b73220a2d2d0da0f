"""Every command reads a network by what its nodes know, also where the installed xrpl-py is older."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.codec import Definitions, definitions
from ekspiper.xrpl.output_folder import DEFINITIONS
from ekspiper.xrpl.replay import Recording, ReplayNode
from tests.xrpl.older_definitions import older_definitions

from .conftest import Cli

# What the sample network has and this xrpl-py does not know: fields of common entries, and all of AMMs.
OLDER = older_definitions(
    fields={"ExchangeRate", "TickSize", "LPTokenBalance", "TakerPays", "OwnerNode", "Memos"},
    names={"AMMCreate", "AMMDeposit", "AMM", "tecPATH_DRY"},
)


def replayed(recording: Recording) -> Iterator[str]:
    """The URL of a node that serves a recording, on a thread with its own loop."""
    ready: Future[str] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with ReplayNode(recording) as node:
            ready.set_result(node.url)
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield ready.result(timeout=30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """The sample network, on a node that gives the definitions that are bundled here."""
    spec = find_spec("xrpl")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    known = json.loads((folder / "core/binarycodec/definitions/definitions.json").read_text())
    with Recording.sample() as recording:
        recording.index.templates["server_definitions"] = known
        yield from replayed(recording)


@pytest.fixture(scope="module")
def recorded(request: pytest.FixtureRequest) -> Iterator[str]:
    """The network of servers of version 3.3 that is recorded beside the project."""
    shared: Path = request.getfixturevalue("shared_data")
    with Recording.load(shared / "network") as recording:
        yield from replayed(recording)


@pytest.fixture(scope="module")
def printed_ids(request: pytest.FixtureRequest) -> dict[str, str]:
    """The ids of the issuances in the recorded state, as the server printed them."""
    path = request.getfixturevalue("shared_data") / "network" / "ledger_data_v2_540.jsonl.gz"
    with gzip.open(path) as file:
        states = [json.loads(line)["response"]["result"]["state"] for line in file]
    made = {
        one["index"]: one["mpt_issuance_id"]
        for s in states
        for one in s
        if "mpt_issuance_id" in one
    }
    assert made
    return made


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Callable[[Definitions], None]:
    """Makes the installed xrpl-py one with other definitions."""
    return lambda those: monkeypatch.setattr(definitions, "_bundled", lambda: those)


def lines(path: Path) -> list[Any]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


COMMANDS: dict[str, Callable[[Cli, str, Path], Any]] = {
    "backfill": lambda cli, url, out: (
        cli("backfill", "468:488", "--books", "--network", url, "--out", out),
        *(lines(out / f"{table}.jsonl") for table in ("transactions", "book_offers", "amms")),
    ),
    "backfill --format parquet": lambda cli, url, out: cli(
        "backfill", "468:488", "--network", url, "--out", out, "--format", "parquet"
    ),
    "snapshot": lambda cli, url, out: (
        cli("snapshot", "--network", url, "--out", out),
        sorted(lines(out / "objects.jsonl"), key=lambda each: each["index"]),
    ),
    "snapshot of one type": lambda cli, url, out: (
        cli("snapshot", "--type", "AMM", "--network", url, "--out", out),
        sorted(lines(out / "objects.jsonl"), key=lambda each: each["index"]),
    ),
    "books": lambda cli, url, out: cli("books", "--network", url).out,
    "payments": lambda cli, url, out: cli("payments", "468:488", "--network", url).out,
    "schema collect": lambda cli, url, out: cli("schema", "collect", "468:488", "-n", url).out,
    "daemon": lambda cli, url, out: (
        cli(
            *("daemon", "--network", url, "--out", out, "--from", 468, "--until", 478),
            *("--http", "off"),
        ),
        lines(out / "transactions.jsonl"),
    ),
}


def outcome(found: Any) -> Any:
    """Without what names this run: the code, and everything that was written."""
    if isinstance(found, tuple):
        return [found[0].code, *found[1:]]
    return getattr(found, "code", found)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_node_knows_makes_the_same_records(
    cli: Cli,
    node: str,
    older: Callable[[Definitions], None],
    tmp_path: Path,
    name: str,
) -> None:
    expected = outcome(COMMANDS[name](cli, node, tmp_path / "newer"))
    older(OLDER)
    found = COMMANDS[name](cli, node, tmp_path / "older")
    assert outcome(found) == expected
    assert "drift" not in str(found)


def test_what_was_written_is_proven(
    cli: Cli, node: str, older: Callable[[Definitions], None], tmp_path: Path
) -> None:
    older(OLDER)
    cli("backfill", "468:473", "--network", node, "--out", tmp_path)
    assert cli("verify", tmp_path, "--deep", "--network", node).code == 0
    assert cli("verify", tmp_path, "--deep").code == 0, "the folder keeps the definitions"
    (tmp_path / DEFINITIONS).unlink()
    alone = cli("verify", tmp_path, "--deep")
    assert alone.code == 1
    assert "Give that network with --network" in " ".join(alone.err.split())
    table = tmp_path / "transactions.jsonl"
    assert not any("_unrecognized" in record for record in lines(table))
    # As if all of it were of another network; only a node of this one can tell.
    moved = [one | {"ctid": one["ctid"][:-1] + "7"} for one in lines(table)]
    table.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in moved))
    assert "ctid is" in cli("verify", tmp_path, "--deep", "--network", node).err


def test_without_the_nodes_help_what_is_not_known_is_said(
    cli: Cli, older: Callable[[Definitions], None], tmp_path: Path
) -> None:
    with Recording.sample() as recording:
        del recording.index.templates["server_definitions"]
        for url in replayed(recording):
            older(OLDER)
            snapshot = cli("snapshot", "--network", url, "--out", tmp_path / "s")
            backfill = cli("backfill", "468:473", "--network", url, "--out", tmp_path / "b")
            deep = cli("verify", tmp_path / "b", "--deep", "--network", url)
    assert (snapshot.code, backfill.code, deep.code) == (0, 0, 0)
    assert "Schema drift: " in snapshot.err
    assert "unknown type LedgerEntryType.121: " in snapshot.err
    assert "Schema drift: " in backfill.err
    assert cli("verify", tmp_path / "b", "--deep").code == 0


@pytest.mark.parametrize("gone", [{}, {"types": {"Number"}}, {"fields": {"AdditionalBooks"}}])
def test_a_network_of_newer_servers(
    cli: Cli,
    recorded: str,
    older: Callable[[Definitions], None],
    tmp_path: Path,
    gone: dict[str, Any],
    printed_ids: dict[str, str],
) -> None:
    older(older_definitions(names={"VaultCreate", "MPTokenIssuance", "DelegateSet"}, **gone))
    done = cli("backfill", "440:480", "--network", recorded, "--out", tmp_path / "b")
    assert done.code == 0, done.err
    written = lines(tmp_path / "b" / "transactions.jsonl")
    assert len(written) > 500
    assert [one["_unrecognized"] for one in written if "_unrecognized" in one] == []
    deep = cli("verify", tmp_path / "b", "--deep", "--network", recorded)
    assert deep.code == 0, deep.err
    assert cli("snapshot", "--network", recorded, "--out", tmp_path / "s").code == 0
    objects = lines(tmp_path / "s" / "objects.jsonl")
    assert len(objects) == 3200
    assert [one["_unrecognized"] for one in objects if "_unrecognized" in one] == []
    assert not any(one["LedgerEntryType"].isdecimal() for one in objects)
    ids = {one["index"]: one["mpt_issuance_id"] for one in objects if "mpt_issuance_id" in one}
    assert ids == printed_ids
    books = [json.loads(line) for line in cli("books", "--network", recorded).out.splitlines()]
    hybrid = [one for one in objects if "AdditionalBooks" in one]
    placed = sum(len(book["offers"]) for book in books)
    offers = sum(one["LedgerEntryType"] == "Offer" for one in objects)
    assert placed == offers + len(hybrid)
