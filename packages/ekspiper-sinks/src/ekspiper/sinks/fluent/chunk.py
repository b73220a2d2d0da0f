"""Entries as one message of the forward protocol, which the server acknowledges as a whole.

https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1#packedforward-mode
"""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from .extra import msgpack

__all__ = ["Chunk", "pack_chunk"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message.

    Args:
        id: the server sends it back as its acknowledgement.
        message: as it goes over the wire, again and again until it is acknowledged.
        records: how many it holds.
    """

    id: str
    message: bytes
    records: int


def pack_chunk(tag: str, entries: Sequence[bytes], *, compress: bool) -> Chunk:
    """Pack entries in PackedForward mode, or CompressedPackedForward."""
    body = b"".join(entries)
    # The id must be a msgpack str: Fluent Bit closes the connection on bytes.
    identity = secrets.token_hex(16)
    option: dict[str, object] = {"size": len(entries), "chunk": identity}
    if compress:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        option["compressed"] = "gzip"
    return Chunk(identity, msgpack.packb([tag, body, option]), len(entries))
