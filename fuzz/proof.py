"""Altered frames, lines and trees, to the compiled proof."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

from ekspiper.xrpl.audit.encode_record import MADE
from ekspiper.xrpl.codec import (
    Definitions,
    TransactionBlobs,
    _compiled_codec,
    line_reader,
    transaction_id,
    transaction_root,
)
from ekspiper.xrpl.ledger import Ledger
from tests.xrpl.codec.one_codec import Both, assert_taken_out, ledgers_in, mutated

from .memory import Memory

__all__ = ["fuzz_proof"]

_MOST_OF_A_FRAME = 12  # transactions, so that frames are many rather than long


def fuzz_proof(recording: Path, count: int, *, compare: int, chance: random.Random) -> bool:
    """Feed altered frames and lines; one time in `compare` also a tree of altered transactions.

    Returns:
        whether there was no difference, and no growth.
    """
    proof = _Proof(Both(Definitions.bundled()), recording)
    print(f"{len(proof.frames)} ledgers, {count:,} frames and as many lines", flush=True)
    memory, began = Memory(count), time.monotonic()
    for nth in range(count):
        try:
            proof.frame(mutated_text(chance.choice(proof.frames), chance))
            proof.line(chance)
            if nth % compare == 0:
                proof.tree(chance)
        except Exception as error:
            print(f"{type(error).__name__}: {error}, at {nth:,}")
            return False
        memory.note(nth)
    print(
        f"{count:,} frames and lines in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{proof.read:,} read, the rest declined; memory grew by {memory.grown:,} kB"
    )
    return memory.is_flat


class _Proof:
    """What is altered; `read` counts what was not declined."""

    def __init__(self, both: Both, recording: Path) -> None:
        ledgers = [each for each in ledgers_in(recording, both.decoder) if each.transaction_count]
        self._both = both
        self._reader = line_reader(both.definitions, MADE)
        self._transactions = [each for ledger in ledgers for each in ledger.transactions]
        self.frames = [_frame(each) for each in ledgers]
        self.read = 0

    def frame(self, text: bytes) -> None:
        """A frame is declined, or what was taken out of it is what JSON says."""
        found = TransactionBlobs.of_frame(text)
        if found is None:
            return
        self.read += 1
        try:
            whole = orjson.loads(text)
            orjson.loads(found[0])
        except orjson.JSONDecodeError:
            return
        assert whole
        assert_taken_out(text, *found)
        found[1].root()

    def line(self, chance: random.Random) -> None:
        """A line is declined, or it encodes to bytes; if their line is the same, so is their record."""
        each = chance.choice(self._transactions)
        line = self._both.lines.transaction(each, 0)
        if line is None:
            return
        text = mutated_text(line, chance)
        found = self._reader.ledger(text, 0, each.index)
        if found is None or found[0] != len(text):
            return
        self.read += 1
        _, _, data, spans, ids = found
        made = self._both.lines.ledger(each.ledger, 0, data=data, spans=spans, ids=ids)
        if made == text and text.count(b"\n") == 1:
            key, tx_blob, meta_blob = next(iter(TransactionBlobs(data, spans, ids)))
            again = self._both.altered(each, tx_blob, meta_blob)
            again.hash = key.hex().upper()
            assert orjson.dumps(self._both.etl.record(again)) + b"\n" == text

    def tree(self, chance: random.Random) -> None:
        """The root over any blobs is the one in Python."""
        transactions = chance.choices(self._transactions, k=chance.randrange(1, 20))
        for at in range(len(transactions)):
            each = transactions[at]
            tx_blob, meta_blob = mutated(each.tx_blob, chance), mutated(each.meta_blob, chance)
            transactions[at] = self._both.altered(each, tx_blob, meta_blob)
        rows: list[Any] = [
            {
                "hash": transaction_id(each.tx_blob).hex(),
                "tx_blob": each.tx_blob.hex(),
                "meta_blob": each.meta_blob.hex(),
            }
            for each in transactions
        ]
        blobs = TransactionBlobs.of_rows(rows)
        root = None if blobs is None else blobs.root()
        if root is not None:
            self.read += 1
            with mock.patch.object(_compiled_codec, "proof", None):
                assert root == transaction_root((e.tx_blob, e.meta_blob) for e in transactions)


def _frame(ledger: Ledger) -> bytes:
    rows = [
        {
            "hash": each.hash,
            "meta_blob": each.meta_blob.hex().upper(),
            "tx_blob": each.tx_blob.hex().upper(),
        }
        for each in ledger.transactions[:_MOST_OF_A_FRAME]
    ]
    inside = {"closed": True, "ledger_data": ledger.header.to_bytes().hex(), "transactions": rows}
    return orjson.dumps(
        {"id": 1, "result": {"ledger": inside, "validated": True}, "type": "response"}
    )


def mutated_text(text: bytes, chance: random.Random) -> bytes:
    """The text with bytes changed, cut out, doubled or put in: marks of JSON and digits more than others."""
    data = bytearray(text)
    if chance.random() < 0.3:
        return mutated(text, chance)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] = chance.choice(b'"{}[],:\\0F1a \n')
        elif kind == 1:
            data[at] = chance.choice(b"0123456789ABCDEF")
        elif kind == 2:
            del data[at : at + chance.choice((1, 2, 64))]
        else:
            data[at:at] = data[at : at + chance.choice((1, 2, 64))]
    return bytes(data)
