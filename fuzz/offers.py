"""Altered answers to `book_offers`, to the routine that takes the offers out of their text."""

from __future__ import annotations

import random
import time
from pathlib import Path

import orjson

from ekspiper.xrpl.processors._offer_lines import OfferLines
from tests.xrpl.processors.offers_both_ways import answers, hold
from tests.xrpl.schema.both_ways import altered

from .memory import Memory

__all__ = ["fuzz_offers"]


def fuzz_offers(recording: Path, count: int, *, compare: int, chance: random.Random) -> bool:
    """Feed altered answers to the compiled routine.

    What it takes out of one answer in `compare` is also what the objects of that answer make.

    Returns:
        whether there was no difference, and no growth.
    """
    originals = [orjson.dumps(each) for each in answers(recording) if each["result"]["offers"]]
    print(f"{len(originals)} answers, {count:,} altered ones", flush=True)
    memory, began = Memory(count), time.monotonic()
    read = 0
    for nth in range(count):
        text = altered(chance.choice(originals), chance, chance.choice(originals))
        try:
            if nth % compare == 0:
                read += hold(text)
            else:
                read += OfferLines.of_frame(text) is not None
        except Exception as error:
            print(f"{type(error).__name__}: {error}\nanswer {text.hex()}")
            return False
        memory.note(nth)
    print(
        f"{count:,} answers in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{read:,} read, the rest declined; memory grew by {memory.grown:,} kB"
    )
    return memory.is_flat
