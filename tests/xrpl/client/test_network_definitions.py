"""A network is read by the bundled definitions, and by what its nodes know beyond them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.client import Answer, NodePool, network_definitions
from ekspiper.xrpl.codec import Decoder, Definitions
from ekspiper.xrpl.replay import Recording, ReplayNode

NEW_FIELD = [
    "NewNumber",
    {
        "nth": 254,
        "isVLEncoded": False,
        "isSerialized": True,
        "isSigningField": True,
        "type": "UInt32",
    },
]


class Pool:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def ask_once(self, request: dict[str, Any]) -> Answer:
        assert request == {"command": "server_definitions"}
        return Answer(self.answer, {}, "ws://node")


@pytest.fixture
def newer() -> dict[str, Any]:
    """What a node says that is one amendment ahead."""
    spec = find_spec("xrpl")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    content = json.loads((folder / "core/binarycodec/definitions/definitions.json").read_text())
    content["FIELDS"].append(NEW_FIELD)
    content["TRANSACTION_TYPES"]["Brand"] = 4_242
    return {**content, "hash": "AHEAD"}


async def test_what_a_node_knows_beyond_is_used(newer: dict[str, Any]) -> None:
    definitions = await network_definitions(Pool(newer))  # type: ignore[arg-type]
    blob = bytes.fromhex("121092" + "20FE00000007")
    assert Decoder(definitions).transaction(blob) == {"TransactionType": "Brand", "NewNumber": 7}


async def test_a_name_in_dispute_is_the_networks_and_is_said(
    newer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    text = json.dumps(newer).replace('"ImmutableFlags"', '"MutableFlags"')
    definitions = await network_definitions(Pool(json.loads(text)))  # type: ignore[arg-type]
    assert definitions.fields_by_code[2 << 16 | 53].name == "MutableFlags"
    (warning,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "field UInt32 53: ImmutableFlags -> MutableFlags" in warning.getMessage()


async def test_a_broken_answer_adds_nothing() -> None:
    definitions = await network_definitions(Pool({"FIELDS": 3}))  # type: ignore[arg-type]
    assert definitions is Definitions.bundled()


async def test_an_older_node_takes_nothing_away() -> None:
    bundled = Definitions.bundled()
    with Recording.sample() as recording:
        async with ReplayNode(recording) as node, NodePool(node.url) as pool:
            definitions = await network_definitions(pool)
    # One field has another name there, and is still the same one.
    assert bundled.fields.keys() - definitions.fields.keys() == {"ImmutableFlags"}
    codes = {(field.type, field.nth) for field in definitions.fields.values()}
    assert {(field.type, field.nth) for field in bundled.fields.values()} <= codes
    assert definitions.transaction_types["Payment"] == bundled.transaction_types["Payment"]
    assert bundled.transaction_types.keys() <= definitions.transaction_types.keys()
