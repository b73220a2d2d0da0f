"""Which attributes and types records really have: counted, each with an example ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Attribute", "AttributeTable", "attributes_of"]

_AMOUNT = frozenset({"currency", "issuer", "value"})
_PARTS = ("NewFields", "FinalFields", "PreviousFields")


@dataclass(slots=True)
class Attribute:
    """One attribute of one kind of object, in one type.

    Args:
        object: the transaction type or ledger entry type, or `meta`.
        path: where it stands: `Memos[].Memo.MemoData`.
        type: `text`, `integer`, `number`, `boolean`, `null`, `list`, `object`; amounts are
            `XRP amount`, `issued amount`, `MPT amount`.
        count: how often it was seen.
        ledger_index, hash: the ledger and transaction in which it was seen first.
    """

    object: str
    path: str
    type: str
    count: int
    ledger_index: int | None
    hash: str


class AttributeTable:
    """Counts attributes over any number of records."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], Attribute] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count the attributes of the record of a transaction or of a ledger object."""
        ledger_index, key = record.get("ledger_index"), record.get("hash", record.get("index", ""))
        for place in attributes_of(record):
            attribute = self._seen.get(place)
            if attribute is None:
                self._seen[place] = Attribute(*place, 1, ledger_index, key)
            else:
                attribute.count += 1

    def rows(self) -> list[Attribute]:
        """Everything that was seen, ordered by object, path and type."""
        return [self._seen[place] for place in sorted(self._seen)]


def attributes_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The attributes of a record: object, path, type; those of ledger entries in its metadata too."""
    # A snapshot's records are objects of the ledger, and have no TransactionType.
    own = str(record.get("TransactionType", record.get("LedgerEntryType", "record")))
    for name, value in record.items():
        if name == "meta":
            yield from _metadata(value)
        else:
            for path, type_ in _walk(name, value):
                yield own, path, type_


def _metadata(meta: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, value in meta.items():
        if name != "AffectedNodes":
            for path, type_ in _walk(name, value):
                yield "meta", path, type_
    for element in meta.get("AffectedNodes", ()):
        for kind, node in element.items():
            entry = str(node["LedgerEntryType"])
            yield "meta", f"AffectedNodes[].{kind}", "object"
            # Counted under the entry's own type, whichever part shows them: what fields offers
            # really have is asked of offers.
            for part in _PARTS:
                for name, value in node.get(part, {}).items():
                    for path, type_ in _walk(name, value):
                        yield entry, path, type_


def _walk(path: str, value: Any) -> Iterator[tuple[str, str]]:
    # A list and its members are two attributes: an empty list has the first alone.
    yield path, _type(value)
    if isinstance(value, list):
        for element in value:
            yield from _walk(f"{path}[]", element)
    elif isinstance(value, dict) and not value.keys() >= _AMOUNT:  # an amount is one value
        for name, inner in value.items():
            yield from _walk(f"{path}.{name}", inner)


def _type(value: Any) -> str:
    if isinstance(value, dict):
        if not value.keys() >= _AMOUNT:
            return "object"
        if "mpt_issuance_id" in value:
            return "MPT amount"
        return "issued amount" if value["issuer"] else "XRP amount"
    return _JSON_TYPES.get(type(value), type(value).__name__)


_JSON_TYPES = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "list",
}
