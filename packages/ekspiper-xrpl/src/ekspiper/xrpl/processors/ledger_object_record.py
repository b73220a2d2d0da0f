"""Makes the records of ledger objects, checked against the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.core import Instruments, JsonLine, LineBlock, NoInstruments, Permanent, Processor
from ekspiper.xrpl.codec import UNRECOGNIZED, Decoder, Definitions
from ekspiper.xrpl.derive import issuance_id
from ekspiper.xrpl.schema import DecodedRules, Formats, Misfit, RecordLines, unrecognized
from ekspiper.xrpl.sources import ObjectPage

from ._record_line import RecordLine
from .drift import DriftCounter, DriftReport

__all__ = ["LedgerObjectRecord"]


class LedgerObjectRecord(Processor[ObjectPage, dict[str, Any]]):
    """Page of objects -> a record of each wanted one: its fields, `index`, and its ledger.

    An MPTokenIssuance also has the id by which everything else names it: `mpt_issuance_id`.
    What does not fit the schema is kept under `_unrecognized`, as in `TransactionEtl`.

    Args:
        definitions: what decoder and schema follow; the bundled ones without it.
        strict: what does not fit makes the page a dead letter.
        instruments: receives the metric `ekspiper_drift_total`.
    """

    def __init__(
        self,
        definitions: Definitions | None = None,
        *,
        strict: bool = False,
        instruments: Instruments | None = None,
    ) -> None:
        definitions = definitions or Definitions.bundled()
        self.strict = strict
        self._decoder = Decoder(definitions, shape="record")
        self._rules = DecodedRules(Formats(definitions))
        self._lines = RecordLines(self._rules)
        self._counter = DriftCounter(instruments or NoInstruments())

    takes_blocks = False

    async def process(self, item: ObjectPage) -> Iterator[dict[str, Any]]:
        """The records of one page, made one after another."""
        # A generator: a page has 2,048 objects, and their records need not exist all at once.
        return (self.record(item, index, data) for index, data in item.wanted())

    async def process_to_lines(self, item: ObjectPage) -> Iterator[JsonLine | dict[str, Any]]:
        """The records of one page as lines of JSON, where they fit the schema."""
        return (self._line(item, index, data) for index, data in item.wanted())

    def to_block(self, item: ObjectPage) -> LineBlock | None:
        """The records of one page as lines in one piece, where each of them fits the schema."""
        made = self._lines.ledger_objects(item)
        if made is None:
            return None
        lines, count = made
        self._counter.records += count
        return LineBlock(lines, count, kind=RecordLine)

    def _line(self, page: ObjectPage, index: str, data: str) -> JsonLine | dict[str, Any]:
        line = self._lines.ledger_object(
            bytes.fromhex(data),
            index=index,
            ledger_index=page.ledger_index,
            ledger_hash=page.ledger_hash,
        )
        if line is None:
            return self.record(page, index, data)
        self._counter.records += 1
        return RecordLine(line)

    def report(self) -> DriftReport:
        """What did not fit so far."""
        return self._counter.report()

    def record(self, page: ObjectPage, index: str, data: str) -> dict[str, Any]:
        """The record of one object.

        Raises:
            Permanent: something does not fit and `strict` is set, or it cannot be decoded.
        """
        found: list[Misfit] = []
        fields = self._rules.entry(self._decoder.ledger_object(bytes.fromhex(data)), found)
        record = {
            **fields,
            "index": index,
            "ledger_index": page.ledger_index,
            "ledger_hash": page.ledger_hash,
        }
        if (
            fields["LedgerEntryType"] == "MPTokenIssuance"
            and {"Sequence", "Issuer"} <= fields.keys()
        ):
            record["mpt_issuance_id"] = issuance_id(fields["Sequence"], fields["Issuer"])
        self._counter.records += 1
        if found:
            self._counter.add(found, record)
            record[UNRECOGNIZED] = unrecognized(found)
            if self.strict:
                raise Permanent(
                    f"object {index} of ledger {page.ledger_index} does not fit: {found[0]}"
                )
        return record
