"""Altered ledger objects, to the compiled writer of lines and to the records in Python."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

from ekspiper.xrpl.codec import Definitions, StateTreeFold
from tests.xrpl.codec.one_codec import Both, mutated, pages_in

from .memory import Memory

__all__ = ["fuzz_objects"]

_ODD = ("", "G", "0", " ", "é", "00", '"')


def fuzz_objects(recording: Path, count: int, *, compare: int, chance: random.Random) -> bool:
    """Feed pages with an altered object to the compiled writer of lines and to the fold of the state;
    one object in `compare` also to the records in Python.

    Returns:
        whether there was no difference, and no growth.
    """
    both = Both(Definitions.bundled())
    (file, *_) = recording.glob("ledger_data*binary*.jsonl.gz")
    page = max(pages_in(file), key=lambda each: len(each.objects))
    print(f"{len(page.objects)} objects, {count:,} altered ones", flush=True)
    memory, began = Memory(count), time.monotonic()
    written = folded = 0
    for nth in range(count):
        at = chance.randrange(2, len(page.objects))
        index, data = page.objects[at]
        data = mutated(bytes.fromhex(data), chance).hex().upper()
        if is_odd := chance.random() < 0.1:
            cut = chance.randrange(len(data) + 1)
            data = data[:cut] + chance.choice(_ODD) + data[cut + 1 :]
        altered = replace(page, objects=(*page.objects[at - 2 : at], (index, data)))
        try:
            made = both.lines.ledger_objects(altered)
            if not is_odd and nth % compare == 0:
                assert (
                    both.page(altered) == (made is not None) == both.object_line(page, index, data)
                )
            written += made is not None
            folded += _fold(altered.objects)
        except Exception as error:
            print(f"{type(error).__name__}: {error}\nindex {index}\ndata {data!r}")
            return False
        memory.note(nth)
    print(
        f"{count:,} objects in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{written:,} written, {folded:,} folded, the rest declined; "
        f"memory grew by {memory.grown:,} kB"
    )
    return memory.is_flat


def _fold(objects: tuple[tuple[str, str], ...]) -> bool:
    """Whether both folds take the objects; then they must be at the same place."""
    ours, theirs = StateTreeFold(), StateTreeFold()
    taken = ours._fold_page(objects)
    if taken:
        for index, data in objects:
            theirs.add(bytes.fromhex(index), bytes.fromhex(data))
        assert ours.save() == theirs.save()
    return taken
