"""Headers that are chained to a signed ledger, from the newest to the oldest."""

from __future__ import annotations

from hashlib import sha512

from .errors import Malformed, NotProven

__all__ = ["HeaderChain"]

# The codec reads whole headers. Of a million in a chain only these two fields are looked at.
_PREFIX = b"LWR\0"
_SIZE = 118
_INDEX, _PARENT_HASH = slice(0, 4), slice(12, 44)


class HeaderChain:
    """Follows `parent_hash` from a ledger whose hash is proven, down to older ledgers.

    Args:
        ledger_index: of the ledger whose hash is proven.
        ledger_hash: its hash.
    """

    def __init__(self, ledger_index: int, ledger_hash: bytes) -> None:
        self.next_index = ledger_index
        """The ledger whose header comes next."""
        self.next_hash = ledger_hash
        """The hash that this header must have."""

    def add(self, header: bytes) -> bytes:
        """Take the next header, the 118 bytes of `ledger_data`; returns its proven hash.

        Raises:
            Malformed: it has another length.
            NotProven: it is not the header whose hash is proven.
        """
        if len(header) != _SIZE:
            raise Malformed(f"a ledger header has {_SIZE} bytes, not {len(header)}")
        digest = sha512(_PREFIX + header).digest()[:32]
        if digest != self.next_hash or int.from_bytes(header[_INDEX]) != self.next_index:
            raise NotProven(
                f"the header of ledger {self.next_index} hashes to {digest.hex().upper()}, but "
                f"{self.next_hash.hex().upper()} is proven"
            )
        self.next_index -= 1
        self.next_hash = header[_PARENT_HASH]
        return digest
