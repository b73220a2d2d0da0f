"""Tokens made and moved, against the recorded state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ekspiper.xrpl.codec import decode_address, encode_address
from ekspiper.xrpl.derive import nftoken_fields, nftoken_moves
from ekspiper.xrpl.ledger import Transaction


def test_moves_add_up_to_the_recorded_owners(
    recorded_transactions: list[Transaction], recorded_lines: Callable[[str], Any]
) -> None:
    owners: dict[str, str] = {}
    for one in recorded_transactions:
        for move in nftoken_moves(one.meta):
            token = move["nftoken_id"]
            assert token is not None
            assert owners.pop(token, None) == move["from"]
            if move["to"] is not None:
                owners[token] = move["to"]
    recorded = {
        token["NFToken"]["NFTokenID"]: encode_address(bytes.fromhex(entry["index"][:40]))
        for line in recorded_lines("ledger_data_v2_302.jsonl.gz")
        for entry in line["response"]["result"]["state"]
        if entry["LedgerEntryType"] == "NFTokenPage"
        for token in entry["NFTokens"]
    }
    assert owners == recorded
    assert len(recorded) > 100


def test_ids_are_those_of_the_transaction(recorded_transactions: list[Transaction]) -> None:
    met: Counter[str] = Counter()
    for one in recorded_transactions:
        fields, found = one.fields, nftoken_fields(one.fields, one.meta)
        type_ = fields["TransactionType"]
        if one.meta["TransactionResult"] != "tesSUCCESS" or "NFToken" not in type_:
            assert found == {}
            continue
        met.update(f"{type_}.{name}" for name in found)
        if type_ == "NFTokenMint":
            # The id says who issued it, and under which conditions.
            issuer = decode_address(fields.get("Issuer", fields["Account"])).hex().upper()
            flags, fee = fields.get("Flags", 0) & 0xFFFF, fields.get("TransferFee", 0)
            assert found["nftoken_id"].startswith(f"{flags:04X}{fee:04X}{issuer}")
        elif type_ == "NFTokenAcceptOffer":
            (move,) = nftoken_moves(one.meta)
            assert move["nftoken_id"] == found["nftoken_id"]
        elif type_ == "NFTokenCancelOffer":
            assert len(found["nftoken_ids"]) <= len(fields["NFTokenOffers"])
    print(met)
