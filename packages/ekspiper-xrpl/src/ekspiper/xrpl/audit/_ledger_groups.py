"""The records of transactions, ledger by ledger: as lines where they can be proven as lines, else as objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from ekspiper.xrpl.codec import TransactionBlobs

from ._tables import read_line

__all__ = ["EncodedLines", "Group", "ledger_groups", "ledger_index"]

# Bytes read at once, at least: more where a ledger is larger.
_PIECE = 512 * 1024


@dataclass(frozen=True, slots=True)
class EncodedLines:
    """All lines of one ledger, and what they encode to; nothing of it is proven yet."""

    lines: bytes
    blobs: TransactionBlobs

    def records(self) -> list[dict[str, Any]]:
        """The same as objects."""
        return [orjson.loads(line) for line in self.lines.splitlines()]


Group = tuple[int | None, EncodedLines | list[dict[str, Any]]]
"""A ledger's index, and its records in the order of the file."""


def ledger_groups(path: Path, reader: Any, damaged: Callable[[str], None]) -> Iterator[Group]:
    """The records of a file of JSON lines, as long as they are of one ledger.

    Args:
        reader: encodes lines, see `codec.line_reader`. What it declines is read line by line, with all
            that stands beside it of the same ledger.
        damaged: told what cannot be read; the next line follows.
    """
    with path.open("rb") as file:
        groups = _Groups(file, path.name, reader, damaged)
        yield from groups.read()


class _Groups:
    """Reads one file."""

    def __init__(
        self, file: BinaryIO, name: str, reader: Any, damaged: Callable[[str], None]
    ) -> None:
        self._file = file
        self._name = name
        self._reader = reader
        self._damaged = damaged
        self._text = b""  # whole lines
        self._at = 0
        self._rest = b""  # the beginning of a line
        self._lines = 0
        self._ended = False
        self._held: list[dict[str, Any]] = []
        self._index: int | None = None

    def read(self) -> Iterator[Group]:
        """The groups, in the order of the file."""
        while self._at < len(self._text) or self._refill():
            # Within a ledger of which a line was declined, no other line is tried.
            group = None if self._held else self._encoded()
            if group is not None:
                yield group
                continue
            end = self._text.find(b"\n", self._at) + 1 or len(self._text)
            line = self._text[self._at : end]
            record = read_line(line, f"{self._name}, line {self._lines + 1}", self._damaged)
            if record is not None:
                index = ledger_index(record)
                if self._held and index != self._index:
                    yield self._release()
                    continue  # perhaps a ledger that can be encoded begins with this line
                self._held.append(record)
                self._index = index
            self._at = end
            self._lines += 1
        if self._held:
            yield self._release()

    def _encoded(self) -> Group | None:
        """The ledger that begins here; None where a line of it is declined."""
        found = self._reader.ledger(self._text, self._at)
        # Only a line of the next ledger tells that this one has ended.
        while found is not None and found[0] == len(self._text) and self._refill():
            found = self._reader.ledger(self._text, self._at)
        if found is None:
            return None
        end, index, *packed = found
        lines = self._text[self._at : end]
        blobs = TransactionBlobs(*packed)
        self._at = end
        self._lines += len(blobs)
        return index, EncodedLines(lines, blobs)

    def _release(self) -> Group:
        held, self._held = self._held, []
        return self._index, held

    def _refill(self) -> bool:
        """Read on; whether there were more lines."""
        left, self._at = self._text[self._at :], 0
        more = b""
        while not (self._ended or more):
            # Twice as much for a ledger that is larger: its lines are encoded again each time.
            piece = self._file.read(max(_PIECE, len(left), len(self._rest)))
            self._ended = not piece
            whole = len(piece) if self._ended else piece.rfind(b"\n") + 1
            if self._ended or whole:
                more, self._rest = self._rest + piece[:whole], piece[whole:]
            else:
                self._rest += piece
        self._text = left + more
        return bool(more)


def ledger_index(record: dict[str, Any]) -> int | None:
    """The ledger that a record says it is of."""
    value = record.get("ledger_index")
    return value if isinstance(value, int) else None
