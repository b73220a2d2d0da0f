"""The objects of a ledger as a table, read page by page and proven as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.derive import ledger_entry_flags
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import LedgerObjectRecord
from ekspiper.xrpl.schema import Formats
from ekspiper.xrpl.snapshot import StateProof
from ekspiper.xrpl.sources import LedgerObjects

from ._display import Bar
from ._frame import Frame, make_frame
from ._tables import Column, FieldColumn, field_columns
from .errors import TooManyRows

__all__ = ["ObjectReader"]

_OMITTED = ("index", "LedgerEntryType", "ledger_index", "ledger_hash", "LedgerIndex")


@dataclass(slots=True)
class ObjectReader:
    """Reads the state of a proven ledger.

    Args:
        pool: open nodes.
        ledger: whose state.
        types: ledger entry types that are wanted; None: all.
        limit: stop after this many objects; None: read all, and prove them.
        max_rows: the most objects of a table.
    """

    pool: NodePool
    ledger: Ledger
    types: Sequence[str] | None = None
    limit: int | None = None
    max_rows: int = 2_000_000
    records: list[dict[str, Any]] = field(default_factory=list)
    is_whole: bool = False

    async def read(self, *, progress: bool) -> Frame:
        """The table of the objects; `attrs["verified"]` says whether their root was compared
        with the header.

        Raises:
            StateMismatch: their root is another one.
            TooManyRows: there are more than `max_rows`.
        """
        source = LedgerObjects(self.pool, self.ledger.ledger_index, types=self.types)
        await source.open()
        source.expect(self.ledger.ledger_hash)
        proof = StateProof(source.prefixes)
        maker = LedgerObjectRecord(self.pool.definitions)
        # Nobody knows how many objects there are before the last page.
        with Bar("objects", total=None, shown=progress):
            async with aclosing(source.__aiter__()) as pages:
                async for page in pages:
                    await proof.collect([page])
                    self.records += await maker.process(page)
                    # Pages of a node on this machine come without a wait.
                    await asyncio.sleep(0)
                    if self.limit is not None and len(self.records) >= self.limit:
                        break
                    if len(self.records) > self.max_rows:
                        raise TooManyRows(
                            f"ledger {self.ledger.ledger_index} has more than {self.max_rows:,} "
                            "such objects: give a limit, or write files with `ekspiper snapshot`"
                        )
                # Only a reading that was not cut off by the limit can be compared with the root.
                else:
                    self.is_whole = True
        if self.is_whole:
            proof.compare_with(self.ledger)
        return self._frame()

    def _frame(self) -> Frame:
        records = self.records[: self.limit]
        definitions = self.pool.definitions
        named = _columns_for(self.types, definitions)
        rows = [
            (
                record["index"],
                record["LedgerEntryType"],
                _flags(record, definitions),
                *(each.cell(record) for each in named),
            )
            for record in records
        ]
        frame = make_frame((*_lead(), *(each.column for each in named)), rows)
        # Columns of types that are not there are empty for all rows.
        if not self.types or len(self.types) != 1:
            frame = frame.dropna(axis="columns", how="all")
        frame.attrs |= {"ledger_index": self.ledger.ledger_index, "verified": self.is_whole}
        return frame


def _lead() -> tuple[Column, ...]:
    return (
        Column("index", "string"),
        Column("LedgerEntryType", "category"),
        Column("flags", "string"),
    )


def _flags(record: Mapping[str, Any], definitions: Definitions) -> str:
    type_, flags = record["LedgerEntryType"], record.get("Flags", 0)
    return " ".join(ledger_entry_flags(type_, flags, definitions=definitions))


def _columns_for(types: Sequence[str] | None, definitions: Definitions) -> list[FieldColumn]:
    formats = Formats(definitions)
    if types and len(types) == 1:
        schema = formats.ledger_entry(types[0])
    else:
        schema = formats.objects_table()
    return field_columns(schema.fields, skip=_OMITTED)
