"""Commands on a Clio server without the rippled behind it: it serves ledgers, and forwards nothing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.explorer import Explorer

from .conftest import Closing, run

LINE = "no node gives its definitions, so the bundled ones are used"
KINDS = ("failedToForward", "noNetwork")
COMMANDS: dict[str, tuple[object, ...]] = {
    "backfill": ("backfill", "421:423"),
    "daemon": ("daemon", "--from", 421, "--until", 423, "--http", "off"),
    "snapshot": ("snapshot", "--ledger", 540),
    "payments": ("payments", "421:423"),
    "books": ("books", "--ledger", 540),
    "record": ("record", "421:423"),
}


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """A node for each way in which Clio says that it cannot forward."""
    nodes = {kind: Closing(close_every=None, faults=kind) for kind in KINDS}
    yield {kind: node.url for kind, node in nodes.items()}
    for node in nodes.values():
        node.stop()


def arguments(command: str, url: str, out: Path) -> tuple[object, ...]:
    return (*COMMANDS[command], "--network", url, "--out", out)


def files(out: Path) -> dict[str, bytes]:
    """What was written, unpacked, without what only the rippled behind a Clio knows.

    That is the network's id, its own name of a field, and the validators.
    """
    found = {path.name: path.read_bytes() for path in out.glob("*.jsonl")}
    for path in out.glob("*.jsonl.gz"):
        found[path.name] = gzip.decompress(path.read_bytes())
    found.pop("proofs.jsonl", None)
    return {name: _common(data) for name, data in found.items()}


def _common(data: bytes) -> bytes:
    data = data.replace(b'"MutableFlags"', b'"ImmutableFlags"')
    return re.sub(rb',"(?:ctid|signed_by)":"?\w+"?', b"", data)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_is_written_as_with_a_whole_node(
    command: str, urls: dict[str, str], tmp_path: Path
) -> None:
    done = run(*arguments(command, urls["failedToForward"], tmp_path / "clio"))
    wanted = "the recording has no server_definitions" if command == "record" else LINE
    assert done.stderr.count(wanted) == 1
    run(*arguments(command, "sample", tmp_path / "whole"))
    got, expected = files(tmp_path / "clio"), files(tmp_path / "whole")
    if command == "record":  # what the server says of itself is not the same
        for each in (got, expected):
            del each["server.jsonl.gz"]
    assert got
    assert got == expected


def test_an_error_inside_a_success_is_the_same(urls: dict[str, str], tmp_path: Path) -> None:
    done = run(*arguments("backfill", urls["noNetwork"], tmp_path))
    assert done.stderr.count(LINE) == 1
    assert len((tmp_path / "ledgers.jsonl").read_text().splitlines()) == 3


def test_a_recording_without_definitions_can_be_served(
    urls: dict[str, str], serve: Any, tmp_path: Path
) -> None:
    run(*arguments("record", urls["noNetwork"], tmp_path / "recording"))
    again = serve(tmp_path / "recording")
    run("backfill", "421:423", "--network", again, "--out", tmp_path / "out")
    ledgers = (tmp_path / "out" / "ledgers.jsonl").read_text().splitlines()
    assert [json.loads(line)["ledger_index"] for line in ledgers] == [421, 422, 423]


@pytest.mark.parametrize("kind", KINDS)
def test_a_comparison_of_definitions_ends_at_once(kind: str, urls: dict[str, str]) -> None:
    done = run("schema", "diff", "--network", urls[kind], code=1)
    said = done.stderr.splitlines()[-1]
    assert "nothing was compared, as no node gives its definitions: server_definitions" in said
    assert done.stdout == ""


async def test_the_explorer_reads(urls: dict[str, str]) -> None:
    async with Explorer(urls["failedToForward"]) as xrpl:
        assert len(await xrpl.transactions("421:423")) == 70
