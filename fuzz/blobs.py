"""Altered transactions, to both codecs."""

from __future__ import annotations

import random
import time
from pathlib import Path

from ekspiper.xrpl.codec import Definitions
from tests.xrpl.codec.one_codec import Both, ledgers_in, mutated

from .memory import Memory

__all__ = ["fuzz_blobs"]


def fuzz_blobs(recording: Path, count: int, *, compare: int, chance: random.Random) -> bool:
    """Feed altered blobs to the compiled codec; one in `compare` also to the one in Python.

    Returns:
        whether there was no difference, and no growth.
    """
    both = Both(Definitions.bundled())
    originals = [
        each for ledger in ledgers_in(recording, both.decoder) for each in ledger.transactions
    ]
    print(f"{len(originals)} transactions, {count:,} blobs", flush=True)
    memory, began = Memory(count), time.monotonic()
    read = written = 0
    for nth in range(0, count, 2):
        each = chance.choice(originals)
        tx_blob, meta_blob = mutated(each.tx_blob, chance), mutated(each.meta_blob, chance)
        if chance.random() < 0.5:
            tx_blob = each.tx_blob
        altered = both.altered(each, tx_blob, meta_blob)
        try:
            if nth % (2 * compare) == 0:
                read += both.objects(tx_blob) + both.objects(meta_blob)
                written += both.line(altered)
            else:
                for _, reader in both.readers.values():
                    read += (reader.read(tx_blob) is not None) + (
                        reader.read(meta_blob) is not None
                    )
                written += both.lines.transaction(altered, 0) is not None
        except Exception as error:
            print(f"{type(error).__name__}: {error}\ntx {tx_blob.hex()}\nmeta {meta_blob.hex()}")
            return False
        memory.note(nth)
    print(
        f"{count:,} blobs in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{read:,} read, {written:,} written, the rest declined; memory grew by {memory.grown:,} kB"
    )
    return memory.is_flat
