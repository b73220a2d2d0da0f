"""The transactions of one ledger as one buffer: what is read, proven and written without an object for each."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, Self

from . import _compiled_codec
from .decoder import transaction_index

__all__ = ["TransactionBlobs"]

_ID_BYTES = 32
_SPAN = Struct("=4I")
_PLACE_BYTES = 6  # the code of TransactionIndex, and the number


class TransactionBlobs:
    """The blobs of a ledger's transactions, in the order of `TransactionIndex`.

    Args:
        data: all blobs.
        spans: four numbers for each transaction, of 32 bits in this machine's order: where its blob
            begins in `data`, how long it is, and the same for its metadata.
        ids: 32 bytes for each: what the server says that it hashes to.
    """

    __slots__ = ("data", "ids", "spans")

    def __init__(self, data: bytes, spans: bytes, ids: bytes) -> None:
        self.data = data
        self.spans = spans
        self.ids = ids

    @classmethod
    def of_rows(cls, rows: Sequence[Any]) -> Self | None:
        """Those of an answer to `ledger` in binary, api_version 2.

        None where the codec is pure Python, and where anything in the rows is out of the ordinary:
        reading them one by one shows what.
        """
        proof = _compiled_codec.proof
        packed = proof.pack_rows(rows) if proof is not None and type(rows) is list else None
        return None if packed is None else cls(*packed)

    @classmethod
    def of_frame(cls, frame: bytes | bytearray | memoryview) -> tuple[bytes, Self] | None:
        """Those in the text of such an answer, and the text with `null` in their place.

        None as in `of_rows`, and where it is another answer.
        """
        proof = _compiled_codec.proof
        found = proof.read_frame(frame) if proof is not None else None
        if found is None:
            return None
        rest, *packed = found
        return rest, cls(*packed)

    @classmethod
    def of_transactions(cls, transactions: Iterable[tuple[bytes, bytes, bytes]]) -> Self:
        """Those of transactions that are given as id, blob and metadata, in order."""
        pieces: list[bytes] = []
        spans: list[bytes] = []
        ids: list[bytes] = []
        at = 0
        for key, tx_blob, meta_blob in transactions:
            middle = at + len(tx_blob)
            spans.append(_SPAN.pack(at, len(tx_blob), middle, len(meta_blob)))
            at = middle + len(meta_blob)
            pieces += (tx_blob, meta_blob)
            ids.append(key)
        return cls(b"".join(pieces), b"".join(spans), b"".join(ids))

    def check(self) -> None:
        """Raise ValueError unless the three are of one length, and the transactions in order.

        For those that were stored: what a proof does not cover.
        """
        count = len(self)
        if len(self.ids) != _ID_BYTES * count or len(self.spans) != _SPAN.size * count:
            raise ValueError("ids and places of transactions do not fit each other")
        data = self.data
        # Metadata begins with the place, as a number of which the first byte counts most: so the
        # beginnings are in order where the places are.
        begins = [
            data[meta : meta + min(size, _PLACE_BYTES)]
            for _, _, meta, size in _SPAN.iter_unpack(self.spans)
        ]
        for each in (*begins[:1], *begins[-1:]):
            transaction_index(each)
        if any(len(each) < _PLACE_BYTES for each in begins) or not all(
            map(operator.lt, begins, begins[1:])
        ):
            raise ValueError("transactions are not in the order of their ledger")

    def root(self) -> bytes | None:
        """The root of their tree, as in `transaction_hash`; every id is hashed again.

        None where an id differs or stands there twice: `transaction_root` and the like say more.
        """
        proof = _compiled_codec.proof
        root: bytes | None = None
        if proof is not None:
            root = proof.tree_root(self.data, self.spans, self.ids)
        return root

    def __len__(self) -> int:
        return len(self.ids) // _ID_BYTES

    def __getitem__(self, nth: int) -> tuple[bytes, bytes, bytes]:
        """Id, blob and metadata of one transaction."""
        tx, tx_size, meta, meta_size = _SPAN.unpack_from(self.spans, _SPAN.size * nth)
        return (
            self.ids[_ID_BYTES * nth : _ID_BYTES * (nth + 1)],
            self.data[tx : tx + tx_size],
            self.data[meta : meta + meta_size],
        )

    def __iter__(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Id, blob and metadata of each transaction."""
        data, ids = self.data, self.ids
        for nth, (tx, tx_size, meta, meta_size) in enumerate(_SPAN.iter_unpack(self.spans)):
            yield (
                ids[_ID_BYTES * nth : _ID_BYTES * (nth + 1)],
                data[tx : tx + tx_size],
                data[meta : meta + meta_size],
            )
