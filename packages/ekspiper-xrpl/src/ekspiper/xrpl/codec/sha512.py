"""SHA-512 half and the prefixes that keep the hashes of different things apart."""

from __future__ import annotations

from hashlib import sha512

__all__ = [
    "INNER_NODE",
    "LEDGER_HEADER",
    "STATE_LEAF",
    "TRANSACTION",
    "TRANSACTION_LEAF",
    "ZERO_HASH",
    "sha512half",
    "transaction_id",
]

# rippled's HashPrefix.h: three letters and a zero byte, so that no bytes are both one thing and
# another.
TRANSACTION = b"TXN\0"
TRANSACTION_LEAF = b"SND\0"
STATE_LEAF = b"MLN\0"
INNER_NODE = b"MIN\0"
LEDGER_HEADER = b"LWR\0"
ZERO_HASH = bytes(32)


def sha512half(data: bytes) -> bytes:
    """The first 32 bytes of SHA-512, the hash that the XRP Ledger uses everywhere."""
    return sha512(data).digest()[:32]


def transaction_id(tx_blob: bytes) -> bytes:
    """The hash that names a transaction, from its signed bytes."""
    return sha512(TRANSACTION + tx_blob).digest()[:32]
