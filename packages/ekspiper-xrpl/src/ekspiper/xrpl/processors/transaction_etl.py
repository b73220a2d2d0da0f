"""Makes the record of a transaction, checked against the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ekspiper.core import (
    Instruments,
    JsonLine,
    LineBlock,
    NoInstruments,
    Permanent,
    Processor,
)
from ekspiper.xrpl.codec import UNRECOGNIZED, Definitions
from ekspiper.xrpl.derive import UNAVAILABLE, ctid, delivered_amount, in_record_shape
from ekspiper.xrpl.ledger import LedgerInfo, Transaction
from ekspiper.xrpl.schema import (
    DecodedRules,
    Formats,
    Misfit,
    RecordLines,
    put_back,
    unrecognized,
)

from ._record_line import RecordLine
from ._server_json import JsonReader, unwrap
from .drift import DriftCounter, DriftReport
from .ledger_record import LedgerTransactions

__all__ = ["TransactionEtl"]

_HASH_DIGITS = 64


class TransactionEtl(Processor[Transaction | Mapping[str, Any], dict[str, Any]]):
    """Transaction -> record: its own fields, `meta`, and where it stands in the ledger.

    What does not fit the schema is never dropped: it is taken out of its place, kept under
    `_unrecognized` by its path, counted by name, and reported by `report()` and as the metric
    `ekspiper_drift_total`. A transaction of an unknown type keeps all its fields where they are.

    Args:
        definitions: what the schema is compiled from. Without it, a decoded transaction is checked
            by the definitions that it was decoded by, and JSON by the bundled ones.
        network_id: of the network, for `ctid`. The network that a transaction, its ledger or a
            server's answer names goes before it.
        strict: what does not fit makes the transaction a dead letter.
        instruments: receives the metric.
    """

    takes_blocks = True

    def __init__(
        self,
        definitions: Definitions | None = None,
        *,
        network_id: int = 0,
        strict: bool = False,
        instruments: Instruments | None = None,
    ) -> None:
        self.network_id = network_id
        self.strict = strict
        known = definitions or Definitions.bundled()
        self._rules = DecodedRules(Formats(known))
        self._follows = definitions is None
        self._json = JsonReader(known)
        self._json_rules = self._rules
        self._lines: RecordLines | None = None
        self._ledger: LedgerInfo | None = None
        self._shared: dict[str, Any] = {}
        self._counter = DriftCounter(instruments or NoInstruments())

    async def process(self, item: Transaction | Mapping[str, Any]) -> tuple[dict[str, Any]]:
        """The record of a transaction, decoded or as a server's JSON.

        Raises:
            Permanent: something does not fit and `strict` is set; or it is not a transaction.
        """
        if isinstance(item, Transaction):
            return (self.record(item),)
        return (self.normalise(item),)

    async def process_to_lines(
        self, item: Transaction | Mapping[str, Any]
    ) -> tuple[JsonLine | dict[str, Any]]:
        """The record as its line of JSON, where it fits the schema and the codec is compiled.

        Raises:
            Permanent: as `process` does.
        """
        line = self._line(item) if isinstance(item, Transaction) else None
        if line is None:
            return await self.process(item)
        self._counter.records += 1
        return (RecordLine(line),)

    def to_block(self, item: Any) -> LineBlock | None:
        """The lines of all transactions of a ledger, where each of them fits the schema."""
        if not isinstance(item, LedgerTransactions) or (lines := self._lines_of(item)) is None:
            return None
        self._counter.records += item.count
        return LineBlock(lines, item.count, kind=RecordLine)

    def report(self) -> DriftReport:
        """What did not fit so far."""
        return self._counter.report()

    def _line(self, transaction: Transaction) -> bytes | None:
        lines = self._lines_by(transaction.definitions)
        if lines is None:
            return None
        return lines.transaction(transaction, self._network_of(transaction.ledger))

    def _lines_of(self, block: LedgerTransactions) -> bytes | None:
        ledger = block.ledger
        blobs, definitions = ledger.blobs, ledger.definitions
        if blobs is None or definitions is None:
            return None
        lines = self._lines_by(definitions)
        if lines is None:
            return None
        return lines.ledger(
            ledger, self._network_of(ledger), data=blobs.data, spans=blobs.spans, ids=blobs.ids
        )

    def _lines_by(self, definitions: Definitions) -> RecordLines | None:
        """The lines by these definitions; None where the schema follows others."""
        if definitions is not self._rules.formats.definitions:
            if not self._follows:
                return None
            self._follow(definitions)
        if self._lines is None:
            self._lines = RecordLines(self._rules)
        return self._lines

    def _network_of(self, ledger: LedgerInfo) -> int:
        return self.network_id if ledger.network_id is None else ledger.network_id

    def _follow(self, definitions: Definitions) -> None:
        self._rules = DecodedRules(Formats(definitions))
        self._lines = None

    def record(self, transaction: Transaction) -> dict[str, Any]:
        """The record of a decoded transaction."""
        found: list[Misfit] = []
        if self._follows and transaction.definitions is not self._rules.formats.definitions:
            self._follow(transaction.definitions)
        fields = self._rules.transaction(transaction.fields, found)
        meta = self._rules.metadata(transaction.meta, found)
        ledger = transaction.ledger
        record = {**fields, "meta": meta, "hash": transaction.hash, **self._place(ledger)}
        return self._finish(record, found, ledger.header.close_time)

    def _place(self, ledger: LedgerInfo) -> dict[str, Any]:
        """What all records of a ledger share, made once for each."""
        if ledger is not self._ledger:
            self._ledger = ledger
            self._shared = {
                "ledger_index": ledger.ledger_index,
                "ledger_hash": ledger.ledger_hash,
                "close_time_iso": ledger.close_time_iso,
            }
            if ledger.network_id is not None:
                self.network_id = ledger.network_id
        return self._shared

    def normalise(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The record of a transaction in a server's JSON, of api_version 1 or 2.

        Raises:
            Permanent: it holds no transaction with metadata; or something does not fit and
                `strict` is set.
        """
        server = unwrap(_as_decoded(item))
        found: list[Misfit] = []
        fields = self._json.transaction(server.fields, found)
        meta = self._json.metadata(server.meta, found)
        unread = {misfit.path for misfit in found}
        record = {**self._json_rules.transaction(fields, found)}
        record["meta"] = self._json_rules.metadata(meta, found)
        if unread:  # what could not be read is not missing as well
            found = [one for one in found if one.value is not None or one.path not in unread]
        close_time = server.place.pop("date", None)
        record.update(_checked_place(server.place, found))
        # What the server says was delivered is used only where nothing tells how old the ledger is:
        # before 2014 metadata did not say it, and then it must be `unavailable`.
        known = "ledger_index" in record or close_time is not None
        delivered = None if known else server.delivered_amount
        if delivered != UNAVAILABLE:
            delivered = self._json.amount(delivered)
        return self._finish(record, found, close_time, delivered, server.network_id)

    def _finish(
        self,
        record: dict[str, Any],
        found: list[Misfit],
        close_time: int | None,
        delivered: Any = None,
        network_id: int | None = None,
    ) -> dict[str, Any]:
        meta = record["meta"]
        network_id = self.network_id if network_id is None else network_id
        ledger_index, index = record.get("ledger_index"), meta.get("TransactionIndex")
        if ledger_index is not None and index is not None:
            identifier = ctid(ledger_index, index, record.get("NetworkID", network_id))
            if identifier is not None:
                record["ctid"] = identifier
        if delivered is None:
            delivered = delivered_amount(
                record, meta, ledger_index=ledger_index or 0, close_time=close_time
            )
        if delivered is not None:
            record["delivered_amount"] = in_record_shape(delivered, record.get("Amount"))
        self._counter.records += 1
        if found:
            self._keep(record, found)
        return record

    def _keep(self, record: dict[str, Any], found: list[Misfit]) -> None:
        self._counter.add(found, record)
        kept = unrecognized(found)
        if kept:
            record[UNRECOGNIZED] = kept
        if self.strict:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            raise Permanent(
                f"transaction {record.get('hash')} of ledger {record.get('ledger_index')} does not"
                f" fit the schema: {found[0]}{more}"
            )


def _as_decoded(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An own record, with what it keeps under `_unrecognized` back in its place."""
    kept = item.get(UNRECOGNIZED) if isinstance(item, Mapping) else None
    if not isinstance(kept, dict):
        return item
    try:
        return put_back({n: value for n, value in item.items() if n != UNRECOGNIZED}, kept)
    except ValueError as error:
        raise Permanent(f"transaction {item.get('hash')}: {error}") from error


def _checked_place(place: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
    """Where a transaction stands, without what cannot be true."""
    if type(place.get("ledger_index")) is str and place["ledger_index"].isdecimal():
        place["ledger_index"] = int(place["ledger_index"])
    for name in tuple(place):
        if not _FITS[name](place[name]):
            found.append(Misfit("wrong_type", f"record.{name}", name, place.pop(name)))
    return place


def _is_hash(value: Any) -> bool:
    return type(value) is str and len(value) == _HASH_DIGITS


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "hash": _is_hash,
    "ledger_index": lambda value: type(value) is int and not value >> 32,
    "ledger_hash": _is_hash,
    "close_time_iso": lambda value: type(value) is str,
}
