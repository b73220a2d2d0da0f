"""Ledgers and transactions as the pipeline carries them: raw bytes, decoded when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from ekspiper.xrpl.codec import (
    Decoder,
    Definitions,
    LedgerHeader,
    NodeFilter,
    TransactionBlobs,
    ends_early,
    transaction_index,
)

__all__ = ["Ledger", "LedgerInfo", "Transaction"]


class LedgerInfo:
    """What a ledger is, without its transactions.

    Args:
        header: the fields of the header.
        ledger_hash: as the server gave it, upper-case hex; `verify_ledger` tells whether it is the
            header's own hash.
        network_id: of the network, where it is known.
    """

    __slots__ = ("header", "ledger_hash", "ledger_index", "network_id", "signed_by")

    def __init__(
        self, header: LedgerHeader, *, ledger_hash: str, network_id: int | None = None
    ) -> None:
        self.header = header
        self.ledger_index = header.ledger_index
        self.ledger_hash = ledger_hash
        self.network_id = network_id
        self.signed_by: int | None = None
        """The ledger whose validators' signatures prove this one; None: only hashes do."""

    @property
    def parent_hash(self) -> str:
        """Upper-case hex, as `ledger_hash`."""
        return self.header.parent_hash.hex().upper()

    @property
    def close_time_iso(self) -> str:
        """When the ledger closed, such as `2026-11-22T12:01:40Z`."""
        return self.header.close_time_iso


class Transaction:
    """A transaction of a validated ledger, with its metadata.

    Args:
        tx_blob: the signed bytes.
        meta_blob: the metadata's bytes.
        hash: the transaction's id as the server gave it, upper-case hex.
        index: its place in the ledger (`TransactionIndex`).
        ledger: the ledger it is in. It does not hold the transactions, so that one transaction
            in a queue does not keep all others of its ledger in memory.
        decoder: decodes both blobs, to the shape of records.
        nodes: which of the affected nodes `meta` shows; all without it.
    """

    __slots__ = (
        "_decoder",
        "_fields",
        "_meta",
        "_nodes",
        "hash",
        "index",
        "ledger",
        "meta_blob",
        "tx_blob",
    )

    def __init__(
        self,
        *,
        tx_blob: bytes,
        meta_blob: bytes,
        hash: str,
        index: int,
        ledger: LedgerInfo,
        decoder: Decoder,
        nodes: NodeFilter | None = None,
    ) -> None:
        self.tx_blob = tx_blob
        self.meta_blob = meta_blob
        self.hash = hash
        self.index = index
        self.ledger = ledger
        self._decoder = decoder
        self._nodes = nodes
        self._fields: dict[str, Any] | None = None
        self._meta: dict[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The transaction's own fields in the shape of records, decoded once; do not change it."""
        if self._fields is None:
            self._fields = self._decoder.transaction(self.tx_blob)
        return self._fields

    @property
    def meta(self) -> dict[str, Any]:
        """The metadata in the shape of records, decoded once; do not change it."""
        if self._meta is None:
            self._meta = self._decoder.metadata(self.meta_blob, self._nodes)
        return self._meta

    @property
    def definitions(self) -> Definitions:
        """What its blobs are decoded by."""
        return self._decoder.definitions

    @property
    def is_readable(self) -> bool:
        """Whether nothing in its blobs is of a type that the definitions do not know.

        After a field of an unknown type nothing can be read, so that more may be missing in
        `fields` and `meta` than that field.
        """
        is_ordinary = self._decoder.is_ordinary
        if is_ordinary(self.tx_blob) and is_ordinary(self.meta_blob):
            return True
        return not (ends_early(self.fields) or ends_early(self.meta))

    @property
    def size(self) -> int:
        """Bytes of its blobs."""
        return len(self.tx_blob) + len(self.meta_blob)

    def showing(self, nodes: NodeFilter | None) -> Transaction:
        """The same transaction, whose `meta` has no affected nodes but these. Nothing is decoded yet."""
        return Transaction(
            tx_blob=self.tx_blob,
            meta_blob=self.meta_blob,
            hash=self.hash,
            index=self.index,
            ledger=self.ledger,
            decoder=self._decoder,
            nodes=nodes,
        )

    def to_json(self) -> dict[str, Any]:
        """What names it in a dead letter."""
        return {"hash": self.hash, "index": self.index, "ledger_index": self.ledger.ledger_index}

    def __repr__(self) -> str:
        return (
            f"Transaction(hash={self.hash!r}, index={self.index}, "
            f"ledger_index={self.ledger.ledger_index})"
        )


class Ledger(LedgerInfo):
    """A closed ledger with all its transactions, in the order of `TransactionIndex`."""

    __slots__ = (
        "__weakref__",
        "_decoder",
        "_transactions",
        "blobs",
        "size",
        "transaction_count",
    )

    def __init__(
        self,
        header: LedgerHeader,
        *,
        ledger_hash: str,
        transactions: Iterable[Transaction],
        network_id: int | None = None,
    ) -> None:
        super().__init__(header, ledger_hash=ledger_hash, network_id=network_id)
        made = tuple(sorted(transactions, key=lambda each: each.index))
        self._transactions: tuple[Transaction, ...] | None = made
        self._decoder: Decoder | None = None
        self.blobs: TransactionBlobs | None = None
        """The same transactions as bytes, where they came as bytes: no object is made for those who
        need none."""
        self.transaction_count = len(made)
        self.size = sum(each.size for each in made)
        """Bytes of the blobs of its transactions."""

    @classmethod
    def of_blobs(
        cls,
        header: LedgerHeader,
        *,
        ledger_hash: str,
        blobs: TransactionBlobs,
        decoder: Decoder,
        network_id: int | None = None,
    ) -> Self:
        """A ledger whose transactions are made when they are asked for.

        Args:
            decoder: of its transactions.
        """
        ledger = cls.__new__(cls)  # there is nothing to sort, and to sort nothing takes time, too
        LedgerInfo.__init__(ledger, header, ledger_hash=ledger_hash, network_id=network_id)
        ledger._transactions = None
        ledger._decoder = decoder
        ledger.blobs = blobs
        ledger.transaction_count = len(blobs)
        ledger.size = len(blobs.data)
        return ledger

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """Its transactions, as objects."""
        if self._transactions is None:
            self._transactions = tuple(self._made(None))
        return self._transactions

    def showing(self, nodes: NodeFilter | None) -> Iterator[Transaction]:
        """Its transactions as `Transaction.showing` gives them, none of which is kept here."""
        if self._transactions is None:
            return self._made(nodes)
        return (each.showing(nodes) for each in self._transactions)

    def metas(self, nodes: NodeFilter) -> Iterator[tuple[int, dict[str, Any]]]:
        """Place and metadata of those transactions that show any of these nodes, or are not readable.

        It costs a third of `showing`, as most transactions show none of what one is looking for.
        """
        for place, meta in self._may_show(nodes):
            if meta is None:
                meta = self.transaction(place, nodes).meta
            if meta.get("AffectedNodes") != [] or ends_early(meta):
                yield place, meta

    def _may_show(self, nodes: NodeFilter) -> Sequence[tuple[int, dict[str, Any] | None]]:
        if self._transactions is not None:
            return [(place, None) for place in range(len(self._transactions))]
        assert self.blobs is not None
        assert self._decoder is not None
        return self._decoder.shown(self.blobs.data, self.blobs.spans, nodes)

    def transaction(self, nth: int, nodes: NodeFilter | None) -> Transaction:
        """One of its transactions as `showing` gives it, and no object for any other."""
        if self._transactions is None:
            assert self.blobs is not None
            return self._one(*self.blobs[nth], self._info(), nodes)
        return self._transactions[nth].showing(nodes)

    def _made(self, nodes: NodeFilter | None) -> Iterator[Transaction]:
        assert self.blobs is not None
        info = self._info()
        return (self._one(*each, info, nodes) for each in self.blobs)

    def _info(self) -> LedgerInfo:
        # Not the ledger itself, as a transaction in a queue must not keep all others in memory.
        info = LedgerInfo(self.header, ledger_hash=self.ledger_hash, network_id=self.network_id)
        info.signed_by = self.signed_by
        return info

    def _one(
        self,
        key: bytes,
        tx_blob: bytes,
        meta_blob: bytes,
        info: LedgerInfo,
        nodes: NodeFilter | None,
    ) -> Transaction:
        assert self._decoder is not None
        return Transaction(
            tx_blob=tx_blob,
            meta_blob=meta_blob,
            hash=key.hex().upper(),
            index=transaction_index(meta_blob),
            ledger=info,
            decoder=self._decoder,
            nodes=nodes,
        )

    @property
    def definitions(self) -> Definitions | None:
        """What its blobs are decoded by; None where it has no `blobs`."""
        return None if self._decoder is None else self._decoder.definitions

    def __repr__(self) -> str:
        return (
            f"Ledger(ledger_index={self.ledger_index}, ledger_hash={self.ledger_hash!r}, "
            f"transactions={self.transaction_count})"
        )
