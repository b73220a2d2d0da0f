"""A daemon without files of its own is stopped and killed, and goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..docs.code_blocks import code_blocks
from ..sinks.fluent.conftest import forward_server as forward_server
from ..sinks.fluent.conftest import node_modules as node_modules
from .conftest import LAST, Command, Start
from .truth import Truth, read_jsonl

Serve = Callable[..., str]
Server = Callable[..., Any]

README = Path(__file__).parents[2] / "README.md"
FOLLOWING = ("--close-every", 0.06)
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
FILES_AND_FLUENT = """
[collectors.files]
type = "jsonl"
path = "files/{records}.jsonl"

[collectors.fluent]
type = "fluent"
tag = "{network}.{records}"
port = %d
"""


async def test_collectors_alone_get_every_ledger_however_the_daemon_ends(
    forward_server: Server, serve: Serve, start: Start, tmp_path: Path, sample: Truth
) -> None:
    """Each file holds it once; Fluent, which cannot take anything back, at least once."""
    server = await forward_server()
    (tmp_path / "ekspiper.toml").write_text(FILES_AND_FLUENT % server.port)
    command = ("daemon", "--config", "ekspiper.toml", "--network", serve("sample", *FOLLOWING))
    for end in ENDS:
        await end_after_more(start(*command, "--http", "off"), server, end)
    last = start(*command, "--http", "off", "--until", LAST)
    assert await asyncio.to_thread(last.wait) == 0
    assert f"state in {Path('out/custom-daemon')} (another with --state DIR): going on at" in (
        last.said()
    )
    names = ("transactions", "ledgers", "book_offers")
    rows = {name: list(read_jsonl(tmp_path / "files" / f"{name}.jsonl")) for name in names}
    first = rows["ledgers"][0]["ledger_index"]
    assert first < LAST - 20
    sample.check_rows(rows, first, LAST)
    check_fluent(server, sample, first, LAST)
    assert position(tmp_path / "out" / "custom-daemon") == LAST
    assert files_in(tmp_path / "out") == {"daemon.jsonl.json"}


@pytest.mark.parametrize("state", ["as it is", "left out"])
async def test_the_configuration_in_the_readme(
    forward_server: Server,
    serve: Serve,
    start: Start,
    tmp_path: Path,
    sample: Truth,
    free_port: int,
    state: str,
) -> None:
    """With another node, of course, and a port that is free here."""
    key = "correct-horse-battery"
    server = await forward_server(
        security={"serverHostname": "forward.example", "sharedKey": key, "authorize": False}
    )
    (text,) = [block.text for block in code_blocks(README) if "[collectors.fluent]" in block.text]
    if state == "left out":
        text = "".join(line for line in text.splitlines(True) if not line.startswith("state = "))
    (tmp_path / "ekspiper.toml").write_text(text)
    command = ("daemon", "--network", serve("sample", *FOLLOWING), "--config", "ekspiper.toml")
    settings = {
        "FLUENT_SHARED_KEY": key,
        "EKSPIPER_COLLECTORS__FLUENT__PORT": str(server.port),
        "EKSPIPER_HTTP__PORT": str(free_port),
    }
    for end in ENDS[:3]:
        await end_after_more(start(*command, **settings), server, end)
    last = start(*command, "--until", LAST, **settings)
    assert await asyncio.to_thread(last.wait) == 0
    assert (
        position(tmp_path / ("out/state" if state == "as it is" else "out/custom-daemon")) == LAST
    )
    first = min(row["ledger_index"] for row in taken(server, "ledgers"))
    assert first < LAST - 20
    check_fluent(server, sample, first, LAST)
    assert files_in(tmp_path / "out") == {"daemon.jsonl.json"}


async def end_after_more(daemon: Command, server: Any, end: signal.Signals) -> None:
    """Send the signal as soon as a ledger more has come through: for SIGKILL, before a checkpoint."""
    before = len(taken(server, "ledgers"))
    await asyncio.to_thread(
        daemon.wait_until, lambda: len(taken(server, "ledgers")) > before, "another ledger"
    )
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


def check_fluent(server: Any, sample: Truth, first: int, last: int) -> None:
    """Every ledger, transaction and order book is there, and nothing else."""
    wanted = range(first, last + 1)
    ledgers = Counter(row["ledger_index"] for row in taken(server, "ledgers"))
    assert sorted(ledgers) == list(wanted)
    hashes = {row["hash"] for row in taken(server, "transactions")}
    assert hashes == {one for index in wanted for one in sample.hashes[index]}
    books = Counter(row["ledger_index"] for row in taken(server, "book_offers"))
    assert set(books) == {index for index, *_ in sample.books if index in wanted}
