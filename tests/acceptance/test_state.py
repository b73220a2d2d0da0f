"""A daemon without files of its own is stopped and killed, and goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import signal
import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.replay import Recording, ReplayNode

from ..docs.code_blocks import code_blocks
from ..sinks.fluent.conftest import forward_server as forward_server
from ..sinks.fluent.conftest import node_modules as node_modules
from .conftest import FIRST, Command, Start
from .truth import Truth, read_jsonl

Server = Callable[..., Any]

README = Path(__file__).parents[2] / "README.md"
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)
MORE, UNTIL = 7, 488
FILES_AND_FLUENT = """
[collectors.files]
type = "jsonl"
path = "files/{records}.jsonl"

[collectors.fluent]
type = "fluent"
tag = "{network}.{records}"
port = %d
"""


@pytest.fixture
async def node() -> AsyncIterator[ReplayNode]:
    """A node whose ledgers close when the test says so."""
    with Recording.sample() as recording:
        async with ReplayNode(recording, close_every=3600) as served:
            yield served


async def test_collectors_alone_get_every_ledger_however_the_daemon_ends(
    forward_server: Server, node: ReplayNode, start: Start, tmp_path: Path, sample: Truth
) -> None:
    """Each file holds it once; Fluent, which cannot take anything back, at least once."""
    server = await forward_server()
    (tmp_path / "ekspiper.toml").write_text(FILES_AND_FLUENT % server.port)
    command = ("daemon", "--config", "ekspiper.toml", "--network", node.url, "--http", "off")
    last = await follow_with_ends(lambda *more: start(*command, *more), node, server, ENDS)
    assert "state in out/custom-daemon (another with --state DIR): resuming at ledger " in (
        last.said()
    )
    names = ("transactions", "ledgers", "book_offers")
    rows = {name: list(read_jsonl(tmp_path / "files" / f"{name}.jsonl")) for name in names}
    sample.check_rows(rows, FIRST, UNTIL)
    check_fluent(server, sample)
    assert position(tmp_path / "out" / "custom-daemon") == UNTIL
    assert files_in(tmp_path / "out") == {"daemon.jsonl.json", "definitions.json"}


async def test_the_configuration_in_the_readme(
    forward_server: Server,
    node: ReplayNode,
    start: Start,
    tmp_path: Path,
    sample: Truth,
    free_port: int,
) -> None:
    """As it is there, with nodes and ports that exist here."""
    key = "correct-horse-battery"
    server = await forward_server(
        likeFluentBit=True,
        security={"serverHostname": "forward.example", "sharedKey": key, "authorize": False},
    )
    (text,) = [block.text for block in code_blocks(README) if "[collectors.fluent]" in block.text]
    (tmp_path / "ekspiper.toml").write_text(text)
    command = ("daemon", "--network", node.url, "--config", "ekspiper.toml")
    settings = {
        "FLUENT_SHARED_KEY": key,
        "EKSPIPER_COLLECTORS__FLUENT__PORT": str(server.port),
        "EKSPIPER_HTTP__PORT": str(free_port),
    }
    await follow_with_ends(lambda *more: start(*command, *more, **settings), node, server, ENDS[:2])
    check_fluent(server, sample)
    assert position(tmp_path / tomllib.loads(text)["state"]) == UNTIL
    assert files_in(tmp_path / "out") == {"daemon.jsonl.json", "definitions.json"}


async def follow_with_ends(
    daemon: Callable[..., Command], node: ReplayNode, server: Any, ends: Sequence[signal.Signals]
) -> Command:
    """Run daemons one after the other, while ledgers close with and without them; the last one."""
    for end in ends:
        running = daemon()
        await end_after_more(running, node, server, end)
        node.release(node.released + MORE)
    assert node.released < UNTIL
    node.release(UNTIL)
    last = daemon("--until", UNTIL)
    assert await asyncio.to_thread(last.wait) == 0, last.said()
    return last


async def end_after_more(
    daemon: Command, node: ReplayNode, server: Any, end: signal.Signals
) -> None:
    """Send the signal as soon as a ledger more is at the sink, and others on their way.

    That is sooner than the first checkpoint.
    """
    before = len(taken(server, "ledgers"))

    def has_more() -> bool:
        return len(taken(server, "ledgers")) > before

    await asyncio.to_thread(daemon.wait_until, has_more, "another ledger")
    node.release(node.released + MORE)
    code = await asyncio.to_thread(daemon.end, end)
    assert code == (0 if end == signal.SIGTERM else -end), daemon.said()


def position(state: Path) -> int:
    """Where the checkpoint stands."""
    content = json.loads((state / ".checkpoint" / "daemon.jsonl.json").read_text())
    found: int = content["flows"]["ledger-details"]["position"]
    return found


def files_in(folder: Path) -> set[str]:
    """The names of all files."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def taken(server: Any, records: str) -> list[Any]:
    """What the server has of a kind of records; a line that it is writing comes later."""
    text: str = server.file.read_text() if server.file.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    rows = map(json.loads, whole.splitlines())
    return [row["record"] for row in rows if row["tag"] == f"custom.{records}"]


def check_fluent(server: Any, sample: Truth) -> None:
    """Every ledger, transaction and order book is there, and nothing else."""
    wanted = range(FIRST, UNTIL + 1)
    assert {row["ledger_index"] for row in taken(server, "ledgers")} == set(wanted)
    hashes = {row["hash"] for row in taken(server, "transactions")}
    assert hashes == {one for index in wanted for one in sample.hashes[index]}
    books = {row["ledger_index"] for row in taken(server, "book_offers")}
    assert books == {index for index, *_ in sample.books if index in wanted}
