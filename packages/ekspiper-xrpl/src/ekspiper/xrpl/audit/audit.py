"""Checks that a folder's records are a complete and unaltered piece of the ledger's history."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.codec import Definitions, LedgerHeader, transaction_tree_root
from ekspiper.xrpl.processors import ledger_record

from ..ledger import Ledger, LedgerInfo
from ..output_folder import kept_definitions
from ._ledger_groups import EncodedLines, Group, ledger_groups, ledger_index
from ._record_proof import RecordProof
from ._tables import read_table

__all__ = ["AuditReport", "audit"]

_HASHES = ("parent_hash", "transaction_hash", "account_hash")
_LEDGER_COLUMNS = (
    "ledger_index",
    "ledger_hash",
    *_HASHES,
    "total_coins",
    "close_time",
    "close_time_iso",
    "parent_close_time",
    "close_time_resolution",
    "close_flags",
    "transaction_count",
    "signed_by",
)
_COLUMNS = ("hash", "ledger_index", "ledger_hash", "close_time_iso", "meta", "TransactionType")
# What reading a record may raise when another program wrote or changed it.
_UNREADABLE = (AttributeError, KeyError, OverflowError, TypeError, ValueError, struct.error)


@dataclass(slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        ledgers: which ledgers there are.
        gaps: the ledgers between them that are not.
        transactions: how many there are.
        proven: of how many ledgers every record is what the ledger's own bytes make of it.
        faults: everything that is wrong, a line each.
    """

    ledgers: LedgerSet = field(default_factory=LedgerSet)
    gaps: LedgerSet = field(default_factory=LedgerSet)
    transactions: int = 0
    proven: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What later checks need of a ledger."""

    info: LedgerInfo
    parent_hash: str
    transaction_hash: str
    count: int

    @property
    def ledger_hash(self) -> str:
        return self.info.ledger_hash

    @property
    def close_time_iso(self) -> str:
        return self.info.close_time_iso


def audit(
    folder: Path,
    *,
    deep: bool = False,
    definitions: Definitions | None = None,
    network_id: int | None = None,
) -> AuditReport:
    """Audit the tables `ledgers` and `transactions` of a folder.

    Every header is hashed again and must have its ledger's hash; each ledger's parent must be the
    one before; each ledger must have as many transactions as its record says, with
    TransactionIndex from 0 on, none twice.

    Args:
        deep: prove every record. It is encoded, which must give the bytes that the ledger's
            `transaction_hash` is the root of; these are decoded again, which must give the record.
        definitions: what `deep` encodes by; without it those that the folder keeps of its network,
            or the bundled ones.
        network_id: which `ctid` must name; without it, all must name the same.

    Raises:
        ConfigError: a table is missing.
    """
    report = AuditReport()
    definitions = definitions or kept_definitions(folder) or Definitions.bundled()
    proof = RecordProof(definitions, network_id=network_id)
    known = _audit_ledgers(folder, report)
    report.ledgers = LedgerSet.of((index, index) for index in known)
    if known:
        report.gaps = report.ledgers.missing(min(known), max(known))
    seen: Counter[int] = Counter()
    # Ledger by ledger, as records stand in that order: a folder may be larger than memory.
    for index, group in _groups(folder, proof, report.faults.append, deep=deep):
        ledger = None if index is None else known.get(index)
        if not _is_proven(index, group, ledger, seen, report, proof):
            records = group.records() if isinstance(group, EncodedLines) else group
            _audit_transactions(index, records, ledger, seen, report, proof if deep else None)
    for index, ledger in known.items():
        if seen[index] != ledger.count:
            report.faults.append(
                f"ledger {index}: {seen[index]} transactions, its record says {ledger.count}"
            )
        # The tree of no transactions has the hash zero, so any other one means that some are
        # missing.
        elif not seen[index] and int(ledger.transaction_hash, 16):
            report.faults.append(
                f"ledger {index}: no transactions, but its header says that there are some"
            )
        elif deep and not seen[index]:
            report.proven += 1  # an empty tree has the hash zero
    if not deep:  # some were, but not in a way that was asked for
        report.proven = 0
    return report


def _groups(
    folder: Path, proof: RecordProof, damaged: Callable[[str], None], *, deep: bool
) -> Iterator[Group]:
    lines = folder / "transactions.jsonl"
    if proof.reader is not None and lines.is_file():
        yield from ledger_groups(lines, proof.reader, damaged)
        return
    columns = None if deep else _COLUMNS
    records = read_table(folder, "transactions", columns=columns, damaged=damaged)
    for index, group in groupby(records, key=ledger_index):
        yield index, list(group)


def _audit_ledgers(folder: Path, report: AuditReport) -> dict[int, _Known]:
    known: dict[int, _Known] = {}
    damaged = report.faults.append
    records = read_table(folder, "ledgers", columns=_LEDGER_COLUMNS, damaged=damaged)
    for place, record in enumerate(records, 1):
        try:
            header, ledger_hash = _header(record), str(record["ledger_hash"])
            count = int(record["transaction_count"])
        except _UNREADABLE as error:
            report.faults.append(f"ledgers, record {place}: not a ledger: {_why(error)}")
            continue
        index = header.ledger_index
        if index in known:
            report.faults.append(f"ledger {index}: recorded more than once")
            continue
        if header.ledger_hash.hex().upper() != ledger_hash:
            report.faults.append(
                f"ledger {index}: its header hashes to {header.ledger_hash.hex().upper()}, "
                f"its record says {ledger_hash}"
            )
        report.faults += (
            f"ledger {index}: {fault}" for fault in _differences(record, header, count)
        )
        known[index] = _Known(
            LedgerInfo(header, ledger_hash=ledger_hash),
            header.parent_hash.hex().upper(),
            header.transaction_hash.hex().upper(),
            count,
        )
    for index, ledger in sorted(known.items()):
        before = known.get(index - 1)
        if before is not None and before.ledger_hash != ledger.parent_hash:
            report.faults.append(
                f"ledger {index}: its parent is {ledger.parent_hash}, "
                f"but ledger {index - 1} is {before.ledger_hash}"
            )
    return known


def _header(record: dict[str, Any]) -> LedgerHeader:
    header = LedgerHeader(
        ledger_index=int(record["ledger_index"]),
        total_coins=int(record["total_coins"]),
        parent_close_time=int(record["parent_close_time"]),
        close_time=int(record["close_time"]),
        close_time_resolution=int(record["close_time_resolution"]),
        close_flags=int(record["close_flags"]),
        **{name: bytes.fromhex(record[name]) for name in _HASHES},
    )
    header.to_bytes()  # raises where a number is too large for its field
    return header


def _differences(record: dict[str, Any], header: LedgerHeader, count: int) -> Iterator[str]:
    """What differs from the record that the pipeline makes of this header.

    Many records give the same header: `1`, `1.0` and `"01"` are all the number 1.
    """
    ledger_hash = record["ledger_hash"]
    made = ledger_record(Ledger(header, ledger_hash=ledger_hash, transactions=()))
    made["transaction_count"] = count
    said = {**record, "close_time_iso": _iso(record)}
    signed_by = said.pop("signed_by", None)  # proven by signatures, not by the header
    if signed_by is not None and type(signed_by) is not int:
        yield f"signed_by is {signed_by!r}, not a ledger"
    for name, value in made.items():
        if orjson.dumps(said.get(name), default=repr) != orjson.dumps(value):
            yield f"{name} is {said.get(name)!r}, not {value!r}"
    if extra := sorted(said.keys() - made.keys()):
        yield f"{', '.join(extra)}: not of a ledger's record"


def _iso(record: dict[str, Any]) -> object:
    """The time of closing as text; Parquet gives it as a time."""
    value = record.get("close_time_iso")
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _is_proven(
    index: int | None,
    group: EncodedLines | list[dict[str, Any]],
    ledger: _Known | None,
    seen: Counter[int],
    report: AuditReport,
    proof: RecordProof,
) -> bool:
    """Whether the lines of a ledger are all as they must be; it is counted then.

    To prove them so costs less than to look at a few members of each, also where nobody asked for it.
    """
    if (
        not isinstance(group, EncodedLines)
        or ledger is None
        or index in seen
        or not proof.proves_lines(group.lines, group.blobs, ledger.info)
    ):
        return False
    report.transactions += len(group.blobs)
    report.proven += 1
    seen[ledger.info.ledger_index] = len(group.blobs)
    return True


def _audit_transactions(
    index: int | None,
    records: list[dict[str, Any]],
    ledger: _Known | None,
    seen: Counter[int],
    report: AuditReport,
    proof: RecordProof | None,
) -> None:
    report.transactions += len(records)
    if index is None or ledger is None:
        report.faults.append(f"ledger {index}: {len(records)} transactions, but no record of it")
        return
    if index in seen:
        report.faults.append(f"ledger {index}: its transactions do not stand together")
    seen[index] += len(records)
    try:
        faults = [*_faults(records, ledger)]
        found = proof.prove(records, ledger.info) if proof is not None else None
    except _UNREADABLE as error:
        report.faults.append(f"ledger {index}: not all are transactions: {_why(error)}")
        return
    if found is not None:
        # Some faults are found in both ways, by looking at the record and by making it again.
        faults += (fault for fault in found.faults if fault not in faults)
        root = transaction_tree_root(found.leaves).hex().upper()
        if not found.faults and root != ledger.transaction_hash:
            faults.append(
                f"its transactions hash to {root}, its header says {ledger.transaction_hash}"
            )
        report.proven += not faults
    report.faults += [f"ledger {index}: {fault}" for fault in faults]


def _faults(records: list[dict[str, Any]], ledger: _Known) -> Iterator[str]:
    places = [int(record["meta"]["TransactionIndex"]) for record in records]
    # Compared in the order of the file: records are written in the order of the ledger.
    if places != list(range(len(places))):
        yield f"TransactionIndex does not run from 0 to {len(places) - 1}: {_misplaced(places)}"
    for record in records:
        if record["ledger_hash"] != ledger.ledger_hash:
            yield f"transaction {record['hash']} is of ledger {record['ledger_hash']}"
        if _iso(record) != ledger.close_time_iso:
            yield f"transaction {record['hash']}: close_time_iso is {_iso(record)}"
        if not isinstance(record["hash"], str) or len(record["hash"]) != 64:
            yield f"{record['hash']} is not the hash of a transaction"
    if len({record["hash"] for record in records}) != len(records):
        yield "a transaction is recorded more than once"


def _misplaced(places: list[int]) -> str:
    """Where they begin to be wrong."""
    at = next(at for at, place in enumerate(places) if place != at)
    return f"{places[at]} stands where {at} should"
