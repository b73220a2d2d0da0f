"""Proves a transaction's record: encoded, decoded again, and compared member by member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from ekspiper.core import EkspiperError
from ekspiper.xrpl.codec import (
    UNRECOGNIZED,
    CodecError,
    Decoder,
    Definitions,
    Encoder,
    TransactionBlobs,
    line_reader,
    transaction_id,
    transaction_index,
    unknown_field,
)
from ekspiper.xrpl.derive import delivered_amount, in_record_shape, parse_ctid
from ekspiper.xrpl.processors import TransactionEtl
from ekspiper.xrpl.schema import DecodedRules, Formats, RecordLines

from ..ledger import LedgerInfo, Transaction
from .encode_record import MADE, encode_record, original

__all__ = ["Proof", "RecordProof"]

_MOST = 0xFFFFFFFF
_NO_RECORD = (AttributeError, KeyError, RecursionError, TypeError)

# What stands behind a transaction's own fields, in the pipeline's order.
_TAIL = (
    "meta",
    "hash",
    "ledger_index",
    "ledger_hash",
    "close_time_iso",
    "ctid",
    "delivered_amount",
)
_AFTER_FIELDS = 1 << 40

# Differences named of one record: one change often makes many.
_SHOWN = 3

Leaf = tuple[bytes, bytes, bytes]
"""Of the tree of transactions: id, transaction, metadata."""


class RecordProof:
    """Makes each record again from the bytes that it encodes to, and says what differs.

    A hash over the bytes does not prove a record alone: many records encode to the same bytes.
    So the record that the pipeline makes of these bytes must be the one in the file.

    A record that was made by other definitions may hold under `_unrecognized` what these know, and
    the other way round. That is not a difference; everything of it is compared in its place.

    Args:
        network_id: for `ctid`; without it, the one that the first ledger's records say.
    """

    def __init__(self, definitions: Definitions, *, network_id: int | None = None) -> None:
        self._definitions = definitions
        self._encoder = Encoder(definitions)
        self._decoder = Decoder(definitions, shape="record")
        self._etl = TransactionEtl(definitions)
        self.reader = line_reader(definitions, MADE)
        """Encodes lines; None where the codec is pure Python."""
        self._lines = RecordLines(DecodedRules(Formats(definitions)))
        self._ranks = {
            **{field.name: code for code, field in definitions.fields_by_code.items()},
            **{name: _AFTER_FIELDS + at for at, name in enumerate(_TAIL)},
        }
        self._network_id = network_id
        self._kept: Mapping[str, Any] = {}
        self._codes = {
            "TransactionType": definitions.transaction_types,
            "LedgerEntryType": definitions.ledger_entry_types,
            "TransactionResult": definitions.transaction_results,
        }

    def proves_lines(self, lines: bytes, blobs: TransactionBlobs, ledger: LedgerInfo) -> bool:
        """Whether these lines, which were encoded to these blobs, are what the pipeline makes of them,
        and the blobs are all that there is in the ledger.

        The short way, for nearly all records: no object is made of a record. Where it does not prove
        them, `prove` finds out what is wrong, or whether anything is.
        """
        if self._network_id is None:
            self._network_id = _network_of(map(orjson.loads, lines.splitlines()))
        ledger.network_id = self._network_id or 0
        made = self._lines.ledger(
            ledger, ledger.network_id, data=blobs.data, spans=blobs.spans, ids=blobs.ids
        )
        return made == lines and blobs.root() == ledger.header.transaction_hash

    def prove(self, records: Iterable[dict[str, Any]], ledger: LedgerInfo) -> Proof:
        """The leaves of one ledger's transactions, and everything that is wrong with its records."""
        records = list(records)
        # Nothing in a ledger names its network. The first records say it, and all others must agree.
        if self._network_id is None:
            self._network_id = _network_of(records)
        ledger.network_id = self._network_id or 0
        proof = Proof()
        proof.leaves = self._all_as_made(records, ledger)
        if proof.leaves:
            return proof
        for record in records:
            known = self._as_made(record, ledger)
            if known is not None:
                proof.leaves.append(known)
                continue
            try:
                leaf = self._leaf(record)
            except CodecError as error:
                proof.faults.append(str(error))
                continue
            proof.leaves.append(leaf)
            name = f"transaction {record['hash']}"
            if leaf[0].hex().upper() != record["hash"]:
                proof.faults.append(f"{name}: its fields hash to another id")
                continue
            differences = [*self._differences(record, leaf, ledger)]
            proof.faults += (f"{name}: {each}" for each in differences[:_SHOWN])
            if len(differences) > _SHOWN:
                proof.faults.append(f"{name}: and {len(differences) - _SHOWN} more differences")
        return proof

    def _all_as_made(self, records: list[dict[str, Any]], ledger: LedgerInfo) -> list[Leaf]:
        """The leaves of a ledger whose lines the pipeline would make as they are; none otherwise."""
        lines = [self._line(record) for record in records]
        if self.reader is None or not lines or None in lines:
            return []
        text = b"".join(line for line in lines if line)
        found = self.reader.ledger(text, 0)
        if found is None or found[0] != len(text):
            return []
        blobs = TransactionBlobs(*found[2:])
        return [*blobs] if self.proves_lines(text, blobs, ledger) else []

    def _as_made(self, record: dict[str, Any], ledger: LedgerInfo) -> Leaf | None:
        """The leaf of one such record.

        None means that the long way has to find out what is wrong, or whether anything is.
        """
        line = self._line(record)
        if line is None or self.reader is None:
            return None
        index = record["meta"].get("TransactionIndex")
        if type(index) is not int or not 0 <= index <= _MOST:
            return None
        found = self.reader.ledger(line, 0, index)
        if found is None:
            return None
        _, _, data, spans, ids = found
        key, tx_blob, meta_blob = next(iter(TransactionBlobs(data, spans, ids)))
        made = self._lines.ledger(ledger, ledger.network_id or 0, data=data, spans=spans, ids=ids)
        if made != line or transaction_id(tx_blob) != key:
            return None
        return key, tx_blob, meta_blob

    def _line(self, record: dict[str, Any]) -> bytes | None:
        """The line of a record, with its members in the order of the pipeline's.

        A file from elsewhere may have another one. Parquet has the order of its columns and structs, which
        go down to the elements of arrays.
        """
        try:
            said = self._in_order(record)
            said["close_time_iso"] = _iso(said["close_time_iso"])
            said["meta"] = self._in_order(said["meta"])
            return orjson.dumps(said) + b"\n"
        except _NO_RECORD:  # a member of another name or type, or what no JSON holds
            return None

    def _in_order(self, members: dict[str, Any]) -> dict[str, Any]:
        ordered = {name: members[name] for name in sorted(members, key=self._ranks.__getitem__)}
        for name, value in ordered.items():
            if type(value) is list and value and type(value[0]) is dict and name != "Paths":
                ordered[name] = [
                    {kind: self._in_order(element) for kind, element in each.items()}
                    for each in value
                ]
        return ordered

    def _leaf(self, record: dict[str, Any]) -> Leaf:
        tx, meta = encode_record(record, self._encoder)
        return transaction_id(tx), tx, meta

    def _differences(self, record: dict[str, Any], leaf: Leaf, ledger: LedgerInfo) -> Iterator[str]:
        key, tx, meta = leaf
        try:
            transaction = Transaction(
                tx_blob=tx,
                meta_blob=meta,
                hash=key.hex().upper(),
                index=transaction_index(meta),
                ledger=ledger,
                decoder=self._decoder,
            )
            made = self._etl.record(transaction)
        except EkspiperError as error:
            yield f"what it encodes to cannot be read: {error}"
            return
        said = {**record, "close_time_iso": _iso(record.get("close_time_iso"))}
        # Not `==`: to Python, 1, 1.0 and True are equal.
        if _text(said) == _text(made):
            return
        self._kept = said.get(UNRECOGNIZED) or {}
        if self._kept:  # derived from less than these definitions know
            made.pop("delivered_amount", None)
            made.update(_delivered(said, ledger))
        for name in sorted(MADE):
            same = _text(said.get(name)) == _text(made.get(name))
            if not same or (name in said) != (name in made):
                yield _difference(name, said.get(name), made.get(name))
        yield from self._compare(original(said), original(made), "")

    def _compare(self, said: Any, made: Any, path: str) -> Iterator[str]:
        """What differs below `path`, between values as they were decoded."""
        if isinstance(said, dict) and isinstance(made, dict):
            yield from self._compare_objects(said, made, path)
        elif isinstance(said, list) and isinstance(made, list):
            for at, (one, other) in enumerate(zip(said, made, strict=False)):
                yield from self._compare(one, other, f"{path}[{at}]")
            if len(said) > len(made) or (len(said) < len(made) and not _ends_early(said)):
                yield f"{path} has {len(said)} elements, not {len(made)}"
        elif _text(said) != _text(made) and not self._is_code(path, said, made):
            yield _difference(path, said, made)

    def _compare_objects(
        self, said: Mapping[str, Any], made: Mapping[str, Any], path: str
    ) -> Iterator[str]:
        # What was kept as hex went into the bytes as it stands, so that their hash proves it.
        hidden = {name for name in said if name.startswith("Unknown_") or name == UNRECOGNIZED}
        before = f"{path}." if path else ""
        for name, value in said.items():
            if name in made:
                yield from self._compare(value, made[name], before + name)
            elif name not in hidden:
                yield f"{before}{name} does not belong there"
        missing = made.keys() - said.keys() - self._known_names(hidden)
        if missing and not _ends_early(said):
            yield f"{', '.join(before + name for name in sorted(missing))}: missing"

    def _known_names(self, hidden: Iterable[str]) -> set[str]:
        """What these definitions call the fields that the record's own did not know."""
        names = set()
        for each in hidden:
            if each != UNRECOGNIZED:
                type_code, nth, _ = unknown_field(each, self._definitions)
                field = self._definitions.fields_by_code.get(type_code << 16 | nth)
                names.add(field.name if field else each)
        return names

    def _is_code(self, path: str, said: Any, made: Any) -> bool:
        """Whether a number stands in the record for a name that its definitions did not know."""
        codes = self._codes.get(path.rpartition(".")[2], {})
        return path in self._kept and codes.get(made) == said


class Proof:
    """What was made of one ledger's records."""

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self.faults: list[str] = []


def _delivered(record: Mapping[str, Any], ledger: LedgerInfo) -> dict[str, Any]:
    """What the pipeline derives of a record where it stands, without what was not recognized."""
    amount = delivered_amount(
        record,
        record["meta"],
        ledger_index=ledger.ledger_index,
        close_time=ledger.header.close_time,
    )
    return {"delivered_amount": in_record_shape(amount, record.get("Amount"))} if amount else {}


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _iso(value: Any) -> Any:
    """A time as records hold it; Parquet gives it as a time."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _difference(path: str, said: Any, made: Any) -> str:
    return f"{path} is {_shown(said)}, not {_shown(made)}"


def _shown(value: Any) -> str:
    text = "missing" if value is None else orjson.dumps(value).decode()
    return text if len(text) <= 100 else f"{text[:97]}..."


def _ends_early(value: Any) -> bool:
    """As `ends_early` of the codec, but a record from a file may have its members in any order."""
    if isinstance(value, dict):
        return UNRECOGNIZED in value or any(map(_ends_early, value.values()))
    return isinstance(value, list) and bool(value) and _ends_early(value[-1])


def _network_of(records: Iterable[Mapping[str, Any]]) -> int | None:
    """The network that most of the records name in their `ctid`."""
    said: Counter[int] = Counter()
    for record in records:
        try:
            said[parse_ctid(record["ctid"])[2]] += 1
        except (KeyError, TypeError, ValueError):
            continue
    return said.most_common(1)[0][0] if said else None
