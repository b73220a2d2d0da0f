"""One batch on its way: cut into chunks, each held until it is acknowledged.

A chunk is one message of the forward protocol, which the server acknowledges as a whole:
https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1#packedforward-mode
"""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ekspiper.core import Permanent

from ._extra import msgpack

__all__ = ["Chunk", "Delivery", "Packing", "pack_chunk"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message.

    Args:
        id: the server sends it back as its acknowledgement.
        message: the bytes on the wire, sent again and again until they are acknowledged.
        records: the number of records in it.
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


@dataclass(frozen=True, slots=True)
class Packing:
    """How records become chunks.

    Args:
        tag: of every entry.
        chunk_bytes: a chunk is closed before it has more bytes of entries.
        compress: with gzip.
    """

    tag: str
    chunk_bytes: int
    compress: bool


class Delivery:
    """One batch. It outlives a failed or cancelled call; the next call continues with it.

    Args:
        entry: packs one member of the batch, or raises Permanent.
    """

    def __init__(
        self, batch: Sequence[Any], packing: Packing, *, entry: Callable[[Any], bytes]
    ) -> None:
        self._batch = batch
        self._packing = packing
        self._entry = entry
        self._next = 0
        self._unacknowledged: dict[str, Chunk] = {}
        self.failures: dict[int, Exception] = {}
        self.acknowledged = 0
        """Chunks so far."""

    def is_for(self, batch: Sequence[Any]) -> bool:
        """Whether a batch has the very members of this one, so that it comes again."""
        mine = self._batch
        # The same objects, and not equal ones: two batches may have equal records.
        return len(mine) == len(batch) and all(a is b for a, b in zip(mine, batch, strict=True))

    @property
    def unacknowledged(self) -> list[Chunk]:
        """The chunks that were made and not acknowledged, in order."""
        return list(self._unacknowledged.values())

    @property
    def is_packed(self) -> bool:
        """Whether every record is in a chunk, or has failed."""
        return self._next == len(self._batch)

    def acknowledge(self, chunk: Chunk) -> None:
        """The server has it."""
        if self._unacknowledged.pop(chunk.id, None) is not None:
            self.acknowledged += 1

    async def next_chunk(self) -> Chunk | None:
        """The next chunk that was never sent; None at the end of the batch."""
        entries, end = self._entries()
        if not entries:
            self._next = end
            return None
        if self._packing.compress:
            # gzip frees the interpreter, so that a thread for it pays.
            chunk = await asyncio.to_thread(pack_chunk, self._packing.tag, entries, compress=True)
        else:
            chunk = pack_chunk(self._packing.tag, entries, compress=False)
        self._next = end
        self._unacknowledged[chunk.id] = chunk
        return chunk

    def _entries(self) -> tuple[list[bytes], int]:
        """The entries of the next chunk, and the place in the batch after it."""
        entries: list[bytes] = []
        size = 0
        for place in range(self._next, len(self._batch)):
            try:
                entry = self._entry(self._batch[place])
            except Permanent as error:
                self.failures[place] = error
                continue
            # A record larger than a chunk gets one of its own: it cannot be cut.
            if entries and size + len(entry) > self._packing.chunk_bytes:
                return entries, place
            entries.append(entry)
            size += len(entry)
        return entries, len(self._batch)
