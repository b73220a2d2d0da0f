"""A table of transactions as a value: what it holds, and how its rows are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ekspiper.xrpl.codec import NodeFilter
from ekspiper.xrpl.ledger import Ledger, Transaction

from .column import Column

__all__ = ["Blobs", "Rows", "Scan", "TransactionTable"]

Rows: TypeAlias = Callable[[Transaction], Iterable[Sequence[Any]]]
"""The rows of a transaction; its ledger, place, close time and hash stand first."""

Blobs: TypeAlias = tuple[bytes, bytes, bytes]
"""`data`, `spans` and `ids` of `TransactionBlobs`."""

Scan: TypeAlias = Callable[[Any, Any, Ledger, Blobs, int], int]
"""Deals with the transactions of a ledger from a place on, by the compiled codec: gets its
`TableReader`, the `TableColumns` in which it makes rows, the ledger, its bytes and the place. Returns the
place of the next transaction whose rows must be made in Python; their number when all is done."""


@dataclass(frozen=True, slots=True)
class TransactionTable:
    """What a table of transactions holds.

    Attributes:
        columns: in order; those of the place of a transaction stand first.
        rows: the rows of one transaction.
        nodes: the affected nodes that these are made from; None: all.
        scan: makes the same rows, or passes over transactions without rows, where it can.
    """

    columns: Sequence[Column]
    rows: Rows
    nodes: NodeFilter | None
    scan: Scan | None = None
