"""Altered lines of JSON, to the reader of columns and to the records of those lines."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.schema import Formats, LineColumns, arrow_schema
from tests.xrpl.codec.one_codec import Both, ledgers_in
from tests.xrpl.schema.both_ways import altered, hold

from .memory import Memory

__all__ = ["fuzz_lines"]

_BATCH = 500


def fuzz_lines(recording: Path, count: int, *, compare: int, chance: random.Random) -> bool:
    """Feed altered lines to the compiled reader of columns, in batches.

    What comes out is always valid Arrow; of one batch in `compare` it is also what the records of
    those lines make.

    Returns:
        whether there was no difference, and no growth.
    """
    both = Both(Definitions.bundled())
    schema = Formats(both.definitions).transactions_table()
    columns = LineColumns.of(arrow_schema(schema))
    assert columns is not None, "the reader of columns is compiled"
    originals = list(_lines(recording, both))
    print(f"{len(originals)} lines, {count:,} altered ones", flush=True)
    memory, began = Memory(count), time.monotonic()
    read = 0
    for nth in range(0, count, _BATCH):
        lines = [
            altered(chance.choice(originals), chance, chance.choice(originals))
            for _ in range(min(_BATCH, count - nth))
        ]
        # Whole ones between them: what a line leaves behind would shift the next.
        lines[:: _BATCH // 10] = [chance.choice(originals) for _ in lines[:: _BATCH // 10]]
        try:
            if nth // _BATCH % compare == 0:
                unfit = hold(columns, schema, lines)
            else:
                batch, unfit = columns.read(lines)
                batch.validate(full=True)
                assert batch.num_rows == len(lines) - len(unfit)
        except Exception as error:
            shown = b"".join(lines).hex()
            print(f"{type(error).__name__}: {error}\nlines {shown}")
            return False
        read += len(lines) - len(unfit)
        memory.note(nth)
    print(
        f"{count:,} lines in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{read:,} read, the rest declined; memory grew by {memory.grown:,} kB"
    )
    return memory.is_flat


def _lines(recording: Path, both: Both) -> Iterator[bytes]:
    for ledger in ledgers_in(recording, both.decoder):
        for each in ledger.transactions:
            line = both.lines.transaction(each, 0)
            if line is not None:
                yield line
