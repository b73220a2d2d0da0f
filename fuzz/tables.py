"""Altered transactions, to the compiled rows of tables and to the functions that make them in Python."""

from __future__ import annotations

import random
import time
from pathlib import Path
from unittest import mock

import pandas as pd

from ekspiper.xrpl.codec import Decoder, Definitions, TransactionBlobs
from ekspiper.xrpl.explorer import _table_rows
from ekspiper.xrpl.explorer import _tables as tables
from ekspiper.xrpl.explorer._table_rows import TableRows
from ekspiper.xrpl.explorer._tables import TransactionTable
from ekspiper.xrpl.ledger import Ledger
from tests.xrpl.codec.one_codec import ledgers_in, mutated

from .memory import Memory

__all__ = ["fuzz_tables"]

_BATCH = 100
_TABLES = (
    tables.transactions.TABLE,
    tables.payments.TABLE,
    tables.trades.TABLE,
    tables.balance_changes.of_account(None),
)


def fuzz_tables(recording: Path, count: int, *, compare: int, chance: random.Random) -> bool:
    """Feed altered transactions to the compiled tables, as ledgers of 100.

    Of one ledger in `compare`, each table is also what Python makes of it.

    Returns:
        whether there was no difference, and no growth.
    """
    definitions = Definitions.bundled()
    decoder = Decoder(definitions, shape="record")
    ledgers = list(ledgers_in(recording, decoder))
    originals = [each for ledger in ledgers if ledger.blobs is not None for each in ledger.blobs]
    print(f"{len(originals)} transactions, {count:,} altered ones", flush=True)
    memory, began = Memory(count), time.monotonic()
    rows = 0
    for nth in range(0, count, _BATCH):
        ledger = _altered(originals, ledgers[-1], min(_BATCH, count - nth), decoder, chance)
        for table in _TABLES:
            made = _frame(table, ledger, definitions)
            rows += 0 if made is None else len(made)
            if nth // _BATCH % compare:
                continue
            with mock.patch.object(_table_rows, "reader_for", return_value=None):
                expected = _frame(table, ledger, definitions)
            try:
                if made is None or expected is None:
                    assert made is expected, "one of the two has a number that is too large"
                else:
                    pd.testing.assert_frame_equal(made, expected, check_exact=True)
            except AssertionError as error:
                assert ledger.blobs is not None
                shown = [(tx.hex(), meta.hex()) for _, tx, meta in ledger.blobs]
                print(f"{error}\ntransactions {shown}")
                return False
        memory.note(nth)
    print(
        f"{count:,} transactions in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{rows:,} rows in {len(_TABLES)} tables; memory grew by {memory.grown:,} kB"
    )
    return memory.is_flat


def _frame(
    table: TransactionTable, ledger: Ledger, definitions: Definitions
) -> pd.DataFrame | None:
    """The table; None where a fee, say, is beyond 64 bits, which no ledger has."""
    rows = TableRows(table, definitions)
    try:
        rows.add(ledger)
        return rows.frame()
    except OverflowError:
        return None


def _altered(
    originals: list[tuple[bytes, bytes, bytes]],
    like: Ledger,
    count: int,
    decoder: Decoder,
    chance: random.Random,
) -> Ledger:
    made = []
    for _ in range(count):
        key, tx, meta = chance.choice(originals)
        if chance.random() < 0.3:
            tx = mutated(tx, chance)
        elif chance.random() < 0.9:
            # Its place stays: a ledger with another one is refused before anybody makes a table.
            meta = meta[:6] + mutated(meta[6:], chance)
        made.append((key, tx, meta))
    return Ledger.of_blobs(
        like.header,
        ledger_hash=like.ledger_hash,
        blobs=TransactionBlobs.of_transactions(made),
        decoder=decoder,
        network_id=1,
    )
