"""A ledger of any transactions, with the hashes that it must have."""

from __future__ import annotations

from collections.abc import Sequence

from ekspiper.xrpl.codec import (
    Decoder,
    Definitions,
    LedgerHeader,
    transaction_id,
    transaction_tree_root,
)
from ekspiper.xrpl.ledger import Ledger, LedgerInfo, Transaction


def made_ledger(
    blobs: Sequence[tuple[bytes, bytes]],
    *,
    definitions: Definitions | None = None,
    ledger_index: int = 5_000_000,
    network_id: int = 0,
) -> Ledger:
    """A ledger of transactions, each as its bytes and those of its metadata, in their order."""
    leaves = [(transaction_id(tx), tx, meta) for tx, meta in blobs]
    header = LedgerHeader(
        ledger_index=ledger_index,
        total_coins=10**17,
        parent_hash=bytes(32),
        transaction_hash=transaction_tree_root(leaves),
        account_hash=bytes(32),
        parent_close_time=848_664_090,
        close_time=848_664_100,
        close_time_resolution=10,
        close_flags=0,
    )
    ledger_hash = header.ledger_hash.hex().upper()
    info = LedgerInfo(header, ledger_hash=ledger_hash, network_id=network_id)
    decoder = Decoder(definitions, shape="record")
    transactions = [
        Transaction(
            tx_blob=tx,
            meta_blob=meta,
            hash=key.hex().upper(),
            index=at,
            ledger=info,
            decoder=decoder,
        )
        for at, (key, tx, meta) in enumerate(leaves)
    ]
    return Ledger(header, ledger_hash=ledger_hash, network_id=network_id, transactions=transactions)
