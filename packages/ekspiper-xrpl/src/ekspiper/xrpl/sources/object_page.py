"""A page of a ledger's state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["ObjectPage"]


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """Objects of one shard of the state, in the order of their indexes.

    A shard is every object whose index begins with `prefix`. Its pages come in order, so a
    `StateTreeFold(prefix)` takes them as they come; pages of different shards come mixed.

    Attributes:
        ledger_index, ledger_hash: the ledger.
        prefix: hex digits; all shards of a run have prefixes of one length.
        objects: all objects of the page, as (index, data), upper-case hex.
        last: whether the shard is complete with this page.
        type_codes: the ledger entry types that are wanted; None: all.
    """

    ledger_index: int
    ledger_hash: str
    prefix: str
    objects: tuple[tuple[str, str], ...]
    last: bool
    type_codes: frozenset[str] | None = None

    @property
    def size(self) -> int:
        """Bytes of the objects."""
        return sum(len(data) for _, data in self.objects) // 2 + 32 * len(self.objects)

    def wanted(self) -> Iterator[tuple[str, str]]:
        """The objects of the types that were asked for."""
        if self.type_codes is None:
            yield from self.objects
            return
        # An object's first field is LedgerEntryType: its header 11, then 16 bits.
        for index, data in self.objects:
            if data[2:6] in self.type_codes:
                yield index, data
