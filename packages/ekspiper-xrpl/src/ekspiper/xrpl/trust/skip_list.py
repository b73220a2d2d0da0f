"""`LedgerHashes`: objects of the state that hold the hashes of earlier ledgers.

The short list holds those of the last 256 ledgers. A long list holds every 256th within a stretch
of 65,536 ledgers. With a proven state, both prove ledgers of the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ekspiper.xrpl.codec import sha512half

from ._fields import read_fields
from .errors import Malformed

__all__ = ["SkipList"]

_SPACE = b"\x00s"
_LIMIT = 16_384  # 256 hashes have 8,192 bytes
_TYPE, _LAST, _HASHES = (1, 1), (2, 27), (19, 2)
_LEDGER_HASHES = 0x68
_STEP = 256


@dataclass(frozen=True, slots=True)
class SkipList:
    """The hashes in a `LedgerHashes` object.

    Attributes:
        first: index of the first ledger whose hash it holds.
        step: 1 for the short list, 256 for a long one.
        hashes: in the order of the ledgers.
    """

    first: int
    step: int
    hashes: tuple[bytes, ...]

    @classmethod
    def from_object(cls, index: bytes, data: bytes) -> Self | None:
        """The list in an object of the state; None when the object is another one.

        Args:
            index: of the object, which tells the two kinds of lists apart.

        Raises:
            Malformed: it is a list that cannot be read.
        """
        # Its type comes first in every object, and of millions of objects four or so are skip
        # lists.
        if data[:3] != b"\x11\x00\x68":
            return None
        fields = read_fields(data, "a skip list", limit=_LIMIT)
        if fields.number(_TYPE, "LedgerEntryType") != _LEDGER_HASHES:
            return None
        last = fields.number(_LAST, "LastLedgerSequence")
        joined = fields.value(_HASHES, "Hashes")
        if not joined or len(joined) % 32 or len(joined) > 32 * _STEP:
            raise Malformed(f"a skip list has 1 to {_STEP} hashes of 32 bytes")
        hashes = tuple(joined[at : at + 32] for at in range(0, len(joined), 32))
        step = 1 if index == cls.short_index() else _STEP
        # An object with the right type at another index is somebody's forgery, or a ledger that we
        # misread.
        if step != 1 and (last % _STEP or index != cls.long_index(last)):
            raise Malformed(f"the skip list at {index.hex().upper()} does not belong there")
        first = last - step * (len(hashes) - 1)
        if first < 0:
            raise Malformed("a skip list begins before the first ledger")
        return cls(first, step, hashes)

    @staticmethod
    def short_index() -> bytes:
        """Where a state has the hashes of the last 256 ledgers."""
        return sha512half(_SPACE)

    @staticmethod
    def long_index(ledger_index: int) -> bytes:
        """Where a state has the hash of this ledger, a multiple of 256, if it is old enough."""
        return sha512half(_SPACE + (ledger_index >> 16).to_bytes(4))

    def hash_of(self, ledger_index: int) -> bytes | None:
        """The hash of a ledger, if the list has it."""
        place, rest = divmod(ledger_index - self.first, self.step)
        return self.hashes[place] if not rest and 0 <= place < len(self.hashes) else None

    def items(self) -> list[tuple[int, bytes]]:
        """Index and hash of every ledger in the list, oldest first."""
        return [(self.first + self.step * at, hash) for at, hash in enumerate(self.hashes)]
