"""Ledgers with transactions and a state, made here: small, but whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from ekspiper.xrpl.codec import (
    Encoder,
    LedgerHeader,
    encode_address,
    state_root,
    transaction_id,
    transaction_root,
)
from ekspiper.xrpl.trust import Leaf, Node, SkipList, join_transaction, prune

from .small_network import SmallNetwork

ALICE, BOB = encode_address(b"\x01" * 20), encode_address(b"\x02" * 20)


def payment(number: int, ledger_index: int) -> tuple[bytes, bytes]:
    """A payment and its metadata."""
    encoder = Encoder()
    tx = {
        "TransactionType": "Payment",
        "Account": ALICE,
        "Destination": BOB,
        "Amount": str(1_000_000 + number),
        "Fee": "10",
        "Sequence": 100 * ledger_index + number,
        "SigningPubKey": "02" + "AB" * 32,
        "TxnSignature": "30" * 70,
    }
    meta = {"AffectedNodes": [], "TransactionIndex": number, "TransactionResult": "tesSUCCESS"}
    return encoder.encode(tx), encoder.encode(meta)


@dataclass
class SmallLedger:
    """A ledger of payments."""

    index: int
    parent: bytes = bytes(32)
    payments: int = 20
    objects: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.transactions = {
            transaction_id(tx): (tx, meta)
            for tx, meta in (payment(number, self.index) for number in range(self.payments))
        }
        for number in range(30):
            account = {
                "LedgerEntryType": "AccountRoot",
                "Account": encode_address(bytes((number,)) * 20),
                "Balance": str(number),
                "Flags": 0,
                "OwnerCount": 0,
                "PreviousTxnID": "00" * 32,
                "PreviousTxnLgrSeq": 1,
                "Sequence": 1,
            }
            self.objects[transaction_id(bytes((number,)))] = Encoder().encode(account)
        self.header: LedgerHeader = SmallNetwork().header(
            self.index,
            parent=self.parent,
            transaction_hash=transaction_root(self.transactions.values()),
            account_hash=state_root(self.objects.items()),
        )

    @property
    def hash(self) -> bytes:
        return self.header.ledger_hash

    def transaction_leaf(self, key: bytes) -> Leaf:
        return Leaf(key, join_transaction(*self.transactions[key]))

    def transaction_tree(self, key: bytes) -> Node:
        hashes = sorted(
            (each, self.transaction_leaf(each).hash("tx")) for each in self.transactions
        )
        return prune(hashes, self.transaction_leaf(key))

    def state_tree(self, key: bytes) -> Node:
        hashes = sorted(
            (each, Leaf(each, data).hash("state")) for each, data in self.objects.items()
        )
        return prune(hashes, Leaf(key, self.objects[key]))


def skip_list(last: int, hashes: list[bytes]) -> bytes:
    """The bytes of a `LedgerHashes` object."""
    return Encoder().encode(
        {
            "LedgerEntryType": "LedgerHashes",
            "Flags": 0,
            "LastLedgerSequence": last,
            "Hashes": [each.hex().upper() for each in hashes],
        }
    )


def chained(network: SmallNetwork) -> tuple[SmallLedger, SmallLedger]:
    """A ledger, and a later one whose state has the hash of the first in its short list."""
    old = SmallLedger(900)
    hashes = [bytes((number,)) * 32 for number in range(9)] + [old.hash] + [b"\xee" * 32] * 5
    later = SmallLedger(
        906, parent=b"\xee" * 32, objects={SkipList.short_index(): skip_list(905, hashes)}
    )
    return old, later
