"""What is derived from the nodes that count is what is derived from all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ekspiper.xrpl.codec import Decoder, NodeFilter, _compiled_codec
from ekspiper.xrpl.derive import (
    BALANCE_NODES,
    POOL_NODES,
    TRADE_NODES,
    balance_changes,
    pools_touched,
    trades,
)
from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.processors import OFFER_NODES, books_touched
from ekspiper.xrpl.replay import SAMPLE

from ..codec.one_codec import ledgers_in

DERIVED: dict[NodeFilter, Callable[[Transaction], Any]] = {
    BALANCE_NODES: lambda each: balance_changes(each.meta),
    TRADE_NODES: lambda each: trades(each.fields, each.meta),
    POOL_NODES: lambda each: pools_touched([each.meta]),
    OFFER_NODES: lambda each: books_touched([each.meta]),
}


@pytest.fixture(scope="module", params=["as it is", "pure"])
def transactions(request: pytest.FixtureRequest) -> list[Transaction]:
    """Those of the sample network, by the codec that is there, and by the one in Python."""
    pure = request.param == "pure"
    with mock.patch.object(_compiled_codec, "compiled", None if pure else _compiled_codec.compiled):
        decoder = Decoder(shape="record")
    ledgers = ledgers_in(Path(SAMPLE), decoder)
    return [each for ledger in ledgers for each in ledger.transactions]


@pytest.mark.parametrize("nodes", DERIVED, ids=["balances", "trades", "pools", "books"])
def test_the_other_nodes_change_nothing(transactions: list[Transaction], nodes: NodeFilter) -> None:
    derive, found = DERIVED[nodes], 0
    for each in transactions:
        narrow = each.showing(nodes)
        assert derive(narrow) == derive(each)
        assert narrow.meta == nodes.shown(each.meta)
        found += bool(derive(each))
    assert found > 100


def test_metadata_without_nodes_is_the_outcome(transactions: list[Transaction]) -> None:
    for each in transactions[:100]:
        assert each.showing(NodeFilter()).meta == {**each.meta, "AffectedNodes": []}
        assert each.showing(NodeFilter()).fields == each.fields
        assert each.showing(None).meta == each.meta


def test_metadata_that_ends_early_is_shown_whole(transactions: list[Transaction]) -> None:
    """What could not be read may be a node that counts."""
    each = transactions[0]
    cut = Transaction(
        tx_blob=each.tx_blob,
        # A field of a type that no definitions know, in its own node.
        meta_blob=each.meta_blob[:-2] + b"\xe5\x00\xfd\x10\x00",
        hash=each.hash,
        index=each.index,
        ledger=each.ledger,
        decoder=each._decoder,
    )
    assert not cut.is_readable
    assert cut.showing(NodeFilter()).meta == cut.meta
