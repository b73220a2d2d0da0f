"""Who is trusted and who signed what, as a table and a picture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from ekspiper.core import ConfigError, EkspiperError
from ekspiper.xrpl import pictures
from ekspiper.xrpl.explorer import Explorer
from ekspiper.xrpl.replay import Recording, ReplayNode

STOPPED = 271
"""After this ledger the fourth validator was stopped for good."""


@pytest.fixture
async def network(shared_data: Path) -> AsyncIterator[tuple[str, str]]:
    """The URL of a node of five real validators, and whom to trust."""
    folder = shared_data / "network"
    publisher = orjson.loads((folder / "stats.json").read_bytes())["publisher"]
    with Recording.load(folder) as recording:
        async with ReplayNode(recording, close_every=0.01, start_at=STOPPED - 5) as node:
            yield node.url, f"{publisher}={node.list_url}"


async def test_who_signed_what(network: tuple[str, str]) -> None:
    url, trust = network
    async with Explorer(url, cache=False) as xrpl:
        seen = await xrpl.trust(12, trust=trust)
    assert (seen.quorum, len(seen.signatures), len(seen.validators)) == (4, 12, 5)
    table = seen.validators.set_index("validator")
    assert table.loc["validator3.example.org", "key_changes"] == 1
    assert table.loc["validator4.example.org", "last_signed"] <= STOPPED
    assert list(table["signed"].drop("validator4.example.org")) == [12] * 4
    marks = seen.signatures.set_index("ledger_index")["validator4.example.org"]
    assert [bool(mark) for mark in marks] == [index <= STOPPED for index in marks.index]
    assert set(seen.signatures["signers"]) <= {4, 5}
    assert seen.until == "2027-12-31T12:26:59Z"
    assert "validator4.example.org" in seen._repr_html_()
    axes = pictures.signatures(seen)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(table.index)


async def test_a_ledger_shows_its_proof(network: tuple[str, str]) -> None:
    url, trust = network
    async with Explorer(url, cache=False) as xrpl:
        plain = await xrpl.ledger(STOPPED - 100)
        proven = await xrpl.ledger(STOPPED - 100, signed=True, trust=trust)
    assert plain.proof == "its hashes"
    assert "of 5 validators of list 1 of n" in proven.proof
    assert proven.ledger.signed_by is not None
    assert "proven by" in proven._repr_html_()


async def test_a_forged_ledger_has_no_proof(shared_data: Path, network: tuple[str, str]) -> None:
    _, trust = network
    with Recording.load(shared_data / "network") as recording:
        faults = f"forgedChain@{STOPPED - 150}"
        async with (
            ReplayNode(recording, close_every=0.01, start_at=STOPPED, faults=faults) as node,
            Explorer(node.url, cache=False) as xrpl,
        ):
            with pytest.raises(EkspiperError, match="is not proven in 2 s"):
                await xrpl.ledger(STOPPED - 100, signed=True, trust=trust, timeout=2)


async def test_without_a_publisher(network: tuple[str, str]) -> None:
    url, _ = network
    async with Explorer(url, cache=False) as xrpl:
        with pytest.raises(ConfigError, match="no publisher"):
            await xrpl.trust()


def test_a_picture_of_something_else() -> None:
    with pytest.raises(ConfigError, match="give what trust"):
        pictures.signatures(7)  # type: ignore[arg-type]
