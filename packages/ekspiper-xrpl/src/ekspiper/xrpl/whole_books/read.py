"""Reads a state for its books, and proves it on the way."""

from __future__ import annotations

import logging

from ..client.pool import NodePool
from ..codec.decoder import Decoder, ends_early
from ..processors.fetch_ledger import FetchLedger
from ..snapshot.proof import StateProof
from ..sources.ledger_objects import LedgerObjects
from ..sources.ledger_ref import LedgerRef
from .books import WholeBooks

__all__ = ["read_books"]

log = logging.getLogger("ekspiper.xrpl")

_TYPES = ("Offer", "DirectoryNode")


async def read_books(pool: NodePool, ledger: int | None = None, *, parallel: int = 8) -> WholeBooks:
    """All books of a ledger; the newest one without `ledger`.

    Raises:
        StateMismatch: the objects do not hash to the ledger's `account_hash`.
    """
    source = LedgerObjects(pool, ledger, types=_TYPES, parallel=parallel)
    await source.open()
    (header,) = await FetchLedger(pool).process(LedgerRef(source.ledger_index))
    source.expect(header.ledger_hash)
    proof = StateProof(source.prefixes)
    decoder = Decoder(pool.definitions, shape="record")
    books = WholeBooks(header.ledger_index, header.ledger_hash, header.close_time_iso)
    async for page in source:
        await proof.collect([page])
        for index, data in page.wanted():
            entry = decoder.ledger_object(bytes.fromhex(data))
            books.unread += entry["LedgerEntryType"] == "Offer" and ends_early(entry)
            books.add({**entry, "index": index})
    proof.hold_against(header)
    if books.unread:
        log.warning("%s offers have a field of an unknown type: books may lack them", books.unread)
    return books
