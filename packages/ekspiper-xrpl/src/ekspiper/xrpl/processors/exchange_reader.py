"""What a ledger touched on the exchange: its order books and its pools, by one look at its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ekspiper.xrpl.codec import NodeFilter, ends_early
from ekspiper.xrpl.derive import POOL_NODES, DerivationError, Pool, pools_touched
from ekspiper.xrpl.ledger import Ledger

from .books import OFFER_NODES, Book, books_touched

__all__ = ["ExchangeReader", "Touched"]

_NODES = NodeFilter(**OFFER_NODES.entries, **POOL_NODES.entries)


@dataclass(frozen=True, slots=True)
class Touched:
    """What a ledger touched.

    Attributes:
        books: both sides of each order book, in order.
        pools: the pools by their accounts.
        unread: the place of a transaction of whose metadata a part cannot be read; None: all can.
        errors: metadata that makes no sense for pools: the place of the transaction, and why.
    """

    books: tuple[Book, ...]
    pools: dict[str, Pool]
    unread: int | None
    errors: tuple[tuple[int, DerivationError], ...]


class ExchangeReader:
    """Reads the metadata of a ledger once for all who ask for it.

    What it has read is remembered while somebody holds the ledger.
    """

    def __init__(self) -> None:
        self._read: WeakKeyDictionary[Ledger, Touched] = WeakKeyDictionary()

    def read(self, ledger: Ledger) -> Touched:
        """What a ledger touched."""
        found = self._read.get(ledger)
        if found is None:
            found = self._read[ledger] = _touched(ledger)
        return found


def _touched(ledger: Ledger) -> Touched:
    shown = list(ledger.metas(_NODES))
    errors: list[tuple[int, DerivationError]] = []
    pools = pools_touched(
        (meta for _, meta in shown),
        on_error=lambda nth, error: errors.append((shown[nth][0], error)),
    )
    books = books_touched(meta for _, meta in shown if "AffectedNodes" in meta)
    unread = next((place for place, meta in shown if ends_early(meta)), None)
    return Touched(tuple(sorted(books)), pools, unread, tuple(errors))
