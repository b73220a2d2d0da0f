"""A folder of records and proofs, as the daemon writes them for a small network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from ekspiper.xrpl.attestation import ARCHIVE_NAME, ProofArchive
from ekspiper.xrpl.codec import Decoder, transaction_id
from ekspiper.xrpl.ledger import Ledger, LedgerInfo, Transaction
from ekspiper.xrpl.processors import TransactionEtl, ledger_record
from ekspiper.xrpl.trust import SkipList

from ..trust.small_ledger import SmallLedger, skip_list
from ..trust.small_network import SmallNetwork


def chain(first: int, last: int) -> list[SmallLedger]:
    """Consecutive ledgers; every one has the hashes of those before it in its short list."""
    ledgers: list[SmallLedger] = []
    for index in range(first, last + 1):
        objects = {}
        if ledgers:
            hashes = [each.hash for each in ledgers[-256:]]
            objects[SkipList.short_index()] = skip_list(index - 1, hashes)
        parent = ledgers[-1].hash if ledgers else bytes(32)
        ledgers.append(SmallLedger(index, parent=parent, payments=index % 4, objects=objects))
    return ledgers


def read(small: SmallLedger) -> Ledger:
    """A small ledger as the client gives it."""
    info = LedgerInfo(small.header, ledger_hash=small.hash.hex().upper(), network_id=1021)
    decoder = Decoder(shape="record")
    transactions = [
        Transaction(
            tx_blob=tx,
            meta_blob=meta,
            hash=transaction_id(tx).hex().upper(),
            index=number,
            ledger=info,
            decoder=decoder,
        )
        for number, (tx, meta) in enumerate(small.transactions.values())
    ]
    return Ledger(
        small.header, ledger_hash=info.ledger_hash, transactions=transactions, network_id=1021
    )


def write_folder(
    folder: Path, network: SmallNetwork, ledgers: Iterable[SmallLedger], signed: Iterable[int]
) -> Path:
    """Record ledgers, and keep the proofs of some of them."""
    folder.mkdir(exist_ok=True)
    etl = TransactionEtl(network_id=1021)
    archive = ProofArchive(folder / ARCHIVE_NAME)
    wanted = set(signed)
    with (
        (folder / "ledgers.jsonl").open("wb") as headers,
        (folder / "transactions.jsonl").open("wb") as transactions,
    ):
        for small in ledgers:
            ledger = read(small)
            headers.write(orjson.dumps(ledger_record(ledger)) + b"\n")
            for transaction in ledger.transactions:
                transactions.write(orjson.dumps(etl.record(transaction)) + b"\n")
            if small.index in wanted:
                archive.add(network.signed(small.header))
    return folder
