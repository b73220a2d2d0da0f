"""A chain that is forged from one ledger on, and consistent: only signatures can tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ekspiper.core import ConfigError
from ekspiper.xrpl.codec import transaction_index, transaction_root

from .._answers import LedgerContent
from .._recording import LedgerRecord, Span
from ..errors import RpcError
from ..recording import Recording

__all__ = ["ForgedChain"]

# Recorded answers name their ledger in this member only; hex in blobs is never quoted like this.
_HASH = re.compile(rb'"ledger_hash":"([0-9A-F]{64})"')


class ForgedChain(Recording):
    """A recording in which a transaction is missing from one ledger on, and all hashes fit.

    Args:
        recording: what is true.
        first: from this ledger on; the first one after it that has transactions loses its last.
    """

    def __init__(self, recording: Recording, first: int) -> None:
        super().__init__(recording.index, name=f"{recording.name}, forged from {first} on")
        self._true = recording
        self._names: dict[bytes, bytes] = {}
        self._forge(first)

    def _forge(self, first: int) -> None:
        # The hash of the forged ledger before; None while all is true.
        parent: bytes | None = None
        for index in [index for index in self.indexes if index >= first]:
            true = self.ledgers[index]
            try:
                blobs = LedgerContent(self._true, true).blobs
            except RpcError:
                raise ConfigError(
                    "fault forgedChain: the ledgers must be recorded in binary"
                ) from None
            if true.header is None or (parent is None and not blobs):
                continue  # nothing to leave out yet: the ledger stays true
            header = true.header if parent is None else true.header._replace(parent_hash=parent)
            if parent is None:
                # The last one that was applied: the places of the others still run from 0 without a
                # gap.
                blobs = sorted(blobs, key=lambda each: transaction_index(_bytes(each)[1]))[:-1]
                header = header._replace(transaction_hash=transaction_root(map(_bytes, blobs)))
            parent = header.ledger_hash
            name = parent.hex().upper()
            self._names[true.hash.encode()] = name.encode()
            result = {
                "ledger": {
                    "closed": True,
                    "ledger_data": header.to_bytes().hex().upper(),
                    "transactions": sorted(blobs, key=lambda each: str(each["hash"])),
                },
                "ledger_hash": name,
                "ledger_index": index,
                "validated": True,
            }
            span = self.index.spool.add(orjson.dumps(result))
            self.ledgers[index] = LedgerRecord(index, name, header, {"binary2": span})

    def read(self, span: Span) -> bytes:
        """Recorded bytes, in which forged ledgers have their new hashes."""
        return _HASH.sub(
            lambda found: b'"ledger_hash":"' + self._names.get(found[1], found[1]) + b'"',
            super().read(span),
        )

    def stream(self, ledger_index: int) -> list[bytes]:
        """Of a forged ledger nothing was recorded: its messages are made."""
        if self.ledgers[ledger_index] is self._true.ledgers[ledger_index]:
            return super().stream(ledger_index)
        return []

    def validation(self, span: Span) -> bytes:
        """What validators said is not forged."""
        return super().read(span)

    def close(self) -> None:
        """The true recording is closed by its owner."""


def _bytes(blobs: Mapping[str, Any]) -> tuple[bytes, bytes]:
    return bytes.fromhex(blobs["tx_blob"]), bytes.fromhex(blobs["meta_blob"])
