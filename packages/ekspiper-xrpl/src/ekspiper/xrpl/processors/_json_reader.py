"""Reads the JSON of servers the way the bytes of the ledger are read: encoded, then decoded."""

from __future__ import annotations

from typing import Any

from ekspiper.xrpl.codec import CodecError, Decoder, Definitions, Encoder
from ekspiper.xrpl.schema import (
    NAMED_FIELDS,
    NODE_OBJECTS,
    Misfit,
    Path,
    Problem,
    path_text,
    stranger,
)

__all__ = ["JsonReader"]

_MISFIT = object()


class JsonReader:
    """Brings transactions and metadata, as servers print them, into the shape of decoded ones.

    There is one way to a record: what the encoder takes has the right types, and what the decoder
    makes of it has the one shape, so that nothing has to know the rules of each type twice.
    """

    def __init__(self, definitions: Definitions) -> None:
        self._encoder = Encoder(definitions)
        self._decoder = Decoder(definitions, shape="record")
        self._fields = definitions.fields

    def transaction(self, fields: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The fields of a transaction; what cannot be encoded goes to `found` and is left out."""
        return self._object(fields, str(fields.get("TransactionType")), (), found)

    def metadata(self, meta: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """Metadata, likewise."""
        return self._object(meta, "meta", ((), "meta"), found)

    def amount(self, amount: Any) -> dict[str, str] | None:
        """An amount in record shape; None where it is not an amount."""
        try:
            made = self._decoder.ledger_object(self._encoder.encode({"Amount": amount}))
        except CodecError:
            return None
        shown: dict[str, str] = made["Amount"]
        return shown

    def _object(
        self, fields: dict[str, Any], owner: str, path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        try:
            return self._decoder.ledger_object(self._encoder.encode(fields))
        except CodecError:
            pass  # member by member, to find which of them it is
        # What a node shows of an entry is counted under the type of the entry.
        entry = fields.get("LedgerEntryType") if owner in NODE_OBJECTS else None
        made = {}
        for name, value in fields.items():
            inner = entry if isinstance(entry, str) else name
            member = self._member(name, value, (owner, inner), (path, name), found)
            if member is not _MISFIT:
                made[name] = member
        return made

    def _member(
        self, name: str, value: Any, owners: tuple[str, str], path: Path, found: list[Misfit]
    ) -> Any:
        try:
            return self._decoder.ledger_object(self._encoder.encode({name: value}))[name]
        except CodecError:
            pass
        owner, inner = owners
        field = self._fields.get(name)
        type_ = field.type if field is not None and field.is_serialized else None
        if name in NAMED_FIELDS and isinstance(value, str):
            return value  # a name without a code: the rules of the schema report it
        if type_ == "STObject" and isinstance(value, dict):
            return self._object(value, inner, path, found)
        if type_ == "STArray" and isinstance(value, list) and all(map(_is_element, value)):
            return self._array(value, path, found)
        problem: Problem = "unknown_field" if type_ is None else "wrong_type"
        found.append(Misfit(problem, f"{owner}.{name}", path_text(path), value))
        return _MISFIT

    def _array(self, elements: list[Any], path: Path, found: list[Misfit]) -> list[Any]:
        made = []
        for at, element in enumerate(elements):
            ((kind, inner),) = element.items()
            field = self._fields.get(kind)
            if field is None or field.type != "STObject":
                found.append(stranger(path[1], kind, (path, at), element))
            else:
                made.append({kind: self._object(inner, kind, ((path, at), kind), found)})
        return made


def _is_element(element: Any) -> bool:
    """Whether it is one object under its name, as the elements of arrays are."""
    return isinstance(element, dict) and [*map(type, element.values())] == [dict]
