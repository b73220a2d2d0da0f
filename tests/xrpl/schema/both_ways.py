"""Holds columns from lines against columns from the records of those lines: they must be the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import orjson

from ekspiper.xrpl.schema import LineColumns, Schema, arrow_table

__all__ = ["altered", "hold", "is_from_encoder"]

_PIECES = (b"", b"0", b'"', b"}", b"]", b",", b"9" * 20, b"null", b"\\", b"[]")


def hold(columns: LineColumns, schema: Schema, lines: Sequence[bytes]) -> list[int]:
    """Hold both ways against each other; return the places of the lines that were left out.

    Of the lines that are read, only what an encoder of JSON can have written has a record to be held
    against.
    """
    import pyarrow as pa

    batch, unfit = columns.read(lines)
    batch.validate(full=True)
    hold_blocks(columns, lines, batch, unfit)
    left_out = set(unfit)
    fitting = [line for place, line in enumerate(lines) if place not in left_out]
    written = [line for line in fitting if is_from_encoder(line)]
    if len(written) < len(fitting):
        batch, unwritten = columns.read(written)
        assert not unwritten
    expected = arrow_table(map(orjson.loads, written), schema)
    assert pa.Table.from_batches([batch]).equals(expected, check_metadata=True)
    return unfit


def hold_blocks(
    columns: LineColumns, lines: Sequence[bytes], batch: Any, unfit: Sequence[int]
) -> None:
    """In blocks they are what they are one by one; or nothing, where one of them does not fit."""
    middle = len(lines) // 3
    blocks = [b"".join(lines[:middle]), b"".join(lines[middle:])]
    are_lines = all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    if are_lines:
        read = columns.read_blocks(blocks)
        assert (read is None) == bool(unfit)
        assert read is None or read.equals(batch)
    left_out = set(unfit)
    fitting = [line for place, line in enumerate(lines) if place not in left_out]
    read = columns.read_blocks([b"".join(fitting[:middle]), *fitting[middle:]])
    assert read is not None
    assert read.equals(batch)


def is_from_encoder(line: bytes) -> bool:
    """Whether it is what orjson makes of a value."""
    try:
        return bool(orjson.dumps(orjson.loads(line)) + b"\n" == line)
    except orjson.JSONDecodeError:
        return False


def altered(line: bytes, chance: random.Random, other: bytes = b"") -> bytes:
    """The line with a few places cut, doubled, or replaced by pieces of JSON, or of another line."""
    data: Any = bytearray(line)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at:at] = data[at : at + chance.choice((1, 5, 40, 200))]
        elif kind == 2 and other:
            begin = chance.randrange(len(other))
            data[at : at + 40] = other[begin : begin + 40]
        else:
            data[at : at + chance.choice((0, 1, 1, 3))] = chance.choice(_PIECES)
    return bytes(data)
