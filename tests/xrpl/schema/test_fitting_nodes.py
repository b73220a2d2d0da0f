"""What is checked in one call comes out as what is checked value by value, or not at all."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.codec import Decoder
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.schema import Formats, JsonRules, Misfit

Nodes = list[dict[str, Any]]


@pytest.fixture(scope="module")
def recorded() -> list[Nodes]:
    """The affected nodes of the sample, as servers print them."""
    decoder = Decoder(shape="server")
    with gzip.open(SAMPLE / "ledger_v2_binary.jsonl.gz") as lines:
        results = [orjson.loads(line)["response"]["result"] for line in lines]
    blobs = [one["meta_blob"] for each in results for one in each["ledger"]["transactions"]]
    return [decoder.metadata(bytes.fromhex(blob))["AffectedNodes"] for blob in blobs[::3]]


@pytest.fixture(scope="module")
def rules() -> JsonRules:
    return JsonRules(Formats())


class ByValue(JsonRules):
    """Takes the way of what does not fit, whatever it is."""

    @property
    def _fitting_nodes(self) -> Any:
        class Nothing:
            def normalise(self, *_: Any) -> None:
                return None

        return Nothing()


def normalised(rules: JsonRules, nodes: Nodes) -> tuple[Nodes, list[Misfit]]:
    found: list[Misfit] = []
    meta = {"TransactionIndex": 0, "TransactionResult": "tesSUCCESS", "AffectedNodes": nodes}
    return rules.metadata(meta, found).get("AffectedNodes", []), found


def test_both_ways_come_to_the_same(recorded: list[Nodes], rules: JsonRules) -> None:
    slowly = ByValue(Formats())
    assert len(recorded) > 500
    for nodes in recorded:
        before = copy.deepcopy(nodes)
        assert rules._fitting_nodes.normalise(nodes, (), []) is not None
        assert normalised(rules, nodes) == normalised(slowly, nodes)
        assert nodes == before


NODE: dict[str, Any] = {
    "LedgerEntryType": "RippleState",
    "LedgerIndex": "AB" * 32,
    "PreviousTxnID": "CD" * 32,
    "PreviousTxnLgrSeq": 7,
    "FinalFields": {
        "Flags": 65536,
        "Balance": {"currency": "USD", "issuer": "rA", "value": "-1.5e-3"},
        "HighNode": "00000000000000AB",
    },
    "PreviousFields": {"Flags": 0},
}


def test_what_is_changed_in_a_node_that_fits(rules: JsonRules) -> None:
    fitting = rules._fitting_nodes.normalise([{"ModifiedNode": NODE}], (), [])
    assert fitting == [
        {"ModifiedNode": {**NODE, "FinalFields": {**NODE["FinalFields"], "HighNode": "ab"}}}
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda node: node.pop("LedgerIndex"),
        lambda node: node.update(LedgerIndex="AB"),
        lambda node: node.update(PreviousTxnLgrSeq=-1),
        lambda node: node.update(PreviousTxnLgrSeq=True),
        lambda node: node.update(NewFields={}),
        lambda node: node.update(LedgerEntryType="Nothing"),
        lambda node: node.update(FinalFields=[]),
        lambda node: node["FinalFields"].update(Flags=1 << 32),
        lambda node: node["FinalFields"].update(Flags=1.0),
        lambda node: node["FinalFields"].update(Flags=None),
        lambda node: node["FinalFields"].update(HighNode=5),
        lambda node: node["FinalFields"].update(OwnerCount=1),
        lambda node: node["FinalFields"].update(Balance="x"),
        lambda node: node["FinalFields"].update(Balance={"currency": "USD", "value": "1"}),
        lambda node: node["PreviousFields"].update(LowLimit={"value": "1"}),
    ],
)
def test_what_does_not_fit_goes_the_other_way_and_is_named(
    rules: JsonRules, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    node = copy.deepcopy(NODE)
    spoil(node)
    found: list[Misfit] = []
    nodes = [{"ModifiedNode": NODE}, {"ModifiedNode": node}]
    assert rules._fitting_nodes.normalise(nodes, (), found) is None
    assert found == []
    kept, misfits = normalised(rules, nodes)
    assert len(misfits) == 1
    assert misfits[0].path.startswith("meta.AffectedNodes[1]")
    assert kept[0] == normalised(rules, nodes[:1])[0][0]


def test_misfits_inside_objects_are_not_reported_twice(rules: JsonRules) -> None:
    """The first node is done, with what it has to say, when the second does not fit."""
    page = {"LedgerEntryType": "NFTokenPage", "LedgerIndex": "AB" * 32}
    tokens = {"NFTokens": [{"NFToken": {"NFTokenID": "0" * 64, "Nothing": 1}}]}
    wrong = {**NODE, "FinalFields": {"Balance": "x"}}
    nodes = [{"CreatedNode": {**page, "NewFields": tokens}}, {"ModifiedNode": wrong}]
    _, found = normalised(rules, nodes)
    assert [one.name for one in found] == ["NFToken.Nothing", "RippleState.Balance"]
