"""What the fields of the ledger are: their names, types, codes, and what the codes mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ekspiper.core import ConfigError

__all__ = ["Conflict", "Definitions", "DefinitionsError", "Field", "FormatField"]

# xrpl-py that has formats in its definitions; without them no record fits.
_OLDEST = "5.1"

_CODES = {
    "transaction type": "transaction_types",
    "ledger entry type": "ledger_entry_types",
    "transaction result": "transaction_results",
}
_FILE = Path("core", "binarycodec", "definitions", "definitions.json")


class DefinitionsError(ConfigError):
    """Definitions that cannot be used; the message says where they came from and what is wrong."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `code` is the type's code shifted by 16 bits, or-ed with `nth`."""

    name: str
    type: str
    type_code: int
    nth: int
    is_serialized: bool
    is_signing: bool
    is_variable_length: bool

    @property
    def code(self) -> int:
        return self.type_code << 16 | self.nth


@dataclass(frozen=True, slots=True)
class FormatField:
    """A field that a transaction type or ledger entry type has, and whether it must."""

    name: str
    optionality: int
    """0 required, 1 optional, 2 default (left out when it has its default value)."""

    @property
    def is_required(self) -> bool:
        return self.optionality == 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """One code that two definitions call by different names.

    Args:
        kind: what it is the code of: `field`, `transaction type`, ...
        code: the code; of a field its type and number, such as `UInt32 53`.
        ours: our name.
        theirs: the other's.
    """

    kind: str
    code: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.kind} {self.code}: {self.ours} -> {self.theirs}"


Codes = Mapping[str, int]
Formats = Mapping[str, tuple[FormatField, ...]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Definitions:
    """Fields, types, results and formats, as a server's `server_definitions` gives them.

    Formats and flags are empty when the server is too old to give them.
    """

    hash: str
    types: Codes
    fields: Mapping[str, Field]
    fields_by_code: Mapping[int, Field]
    transaction_types: Codes
    ledger_entry_types: Codes
    transaction_results: Codes
    transaction_formats: Formats
    ledger_entry_formats: Formats
    transaction_flags: Mapping[str, Codes]
    ledger_entry_flags: Mapping[str, Codes]
    account_set_flags: Codes

    def __repr__(self) -> str:
        return f"Definitions(hash={self.hash!r}, fields={len(self.fields)})"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        # Workers of a cluster get them with each task, and must not compile them each time.
        return _unpickled, (_packed(self),)

    @classmethod
    def bundled(cls) -> Definitions:
        """The definitions that come with the installed xrpl-py. Read once."""
        return _bundled()

    @classmethod
    def from_file(cls, path: Path) -> Definitions:
        """Definitions from a JSON file of the same shape."""
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DefinitionsError(f"definitions in {path} cannot be read: {error}") from error
        return cls._parse(content, where=str(path))

    @classmethod
    def from_server(cls, result: Mapping[str, Any]) -> Definitions:
        """Definitions from the `result` of a node's `server_definitions`."""
        return cls._parse(result, where="server_definitions")

    def to_json(self) -> dict[str, Any]:
        """The content of a file that `from_file` reads."""
        winners = {each.name: each for each in self.fields_by_code.values()}
        others = (each for name, each in self.fields.items() if name not in winners)
        # Two names may share a code; the one that counts comes last, as it is read last.
        fields = [*others, *winners.values()]
        return {
            "hash": self.hash,
            "TYPES": dict(self.types),
            "FIELDS": [[each.name, _field_json(each)] for each in fields],
            "TRANSACTION_TYPES": dict(self.transaction_types),
            "LEDGER_ENTRY_TYPES": dict(self.ledger_entry_types),
            "TRANSACTION_RESULTS": dict(self.transaction_results),
            "TRANSACTION_FORMATS": _formats_json(self.transaction_formats),
            "LEDGER_ENTRY_FORMATS": _formats_json(self.ledger_entry_formats),
            "TRANSACTION_FLAGS": {
                name: dict(each) for name, each in self.transaction_flags.items()
            },
            "LEDGER_ENTRY_FLAGS": {
                name: dict(each) for name, each in self.ledger_entry_flags.items()
            },
            "ACCOUNT_SET_FLAGS": dict(self.account_set_flags),
        }

    def extended_by(self, node: Definitions) -> Definitions:
        """These definitions and a node's: what the fields of the node's network are.

        A node's own definitions are the truth for its network, so that its names, codes and formats
        go before these; `conflicts_with` tells where that changes one. These add what the node
        does not know or say: an older server gives no formats.
        """
        types = _types_of_both(self.types, node.types)
        # By code and by name: a field that was renamed must not be there under both names, nor one
        # that was renumbered under both codes.
        theirs = [_by_our_type(each, types) for each in node.fields.values()]
        codes = {each.code for each in theirs if each.is_serialized}
        ours = [
            each
            for each in self.fields.values()
            if each.name not in node.fields and not (each.is_serialized and each.code in codes)
        ]
        merged: dict[str, dict[str, Any]] = {
            "types": types,
            "fields": {each.name: each for each in (*ours, *theirs)},
            "transaction_formats": _joined(self.transaction_formats, node.transaction_formats),
            "ledger_entry_formats": _joined(self.ledger_entry_formats, node.ledger_entry_formats),
            **{
                table: _union(getattr(self, table), getattr(node, table))
                for table in ("transaction_types", "ledger_entry_types", "transaction_results")
            },
        }
        if all(value == getattr(self, name) for name, value in merged.items()):
            return self
        by_code = {each.code: each for each in merged["fields"].values() if each.is_serialized}
        return replace(
            self,
            hash=f"{self.hash}+{node.hash}",
            fields_by_code=MappingProxyType(by_code),
            **{name: MappingProxyType(value) for name, value in merged.items()},
        )

    def conflicts_with(self, node: Definitions) -> list[Conflict]:
        """Where these and a node's mean the same code but call it by another name."""
        found = [
            Conflict("field", f"{each.type} {each.nth}", each.name, other.name)
            for each in self.fields_by_code.values()
            if (other := node.fields_by_code.get(each.code)) and other.name != each.name
        ]
        for kind, table in _CODES.items():
            theirs = {code: name for name, code in getattr(node, table).items()}
            found += (
                Conflict(kind, str(code), name, theirs[code])
                for name, code in getattr(self, table).items()
                if code in theirs and theirs[code] != name
            )
        return found

    @classmethod
    def _parse(cls, content: Any, *, where: str) -> Definitions:
        try:
            return cls(**_parts(content))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DefinitionsError(f"definitions from {where} are broken: {reason}") from error


@lru_cache(maxsize=4)
def _packed(definitions: Definitions) -> str:
    return json.dumps(definitions.to_json(), separators=(",", ":"))


@lru_cache(maxsize=4)
def _unpickled(text: str) -> Definitions:
    return Definitions._parse(json.loads(text), where="another process")


@cache
def _bundled() -> Definitions:
    # The file is found without importing xrpl, which costs half a second.
    spec = find_spec("xrpl")
    if spec is None or not spec.submodule_search_locations:
        raise DefinitionsError(f"xrpl-py is not installed: pip install 'xrpl-py>={_OLDEST}'")
    found = Definitions.from_file(Path(spec.submodule_search_locations[0]) / _FILE)
    if not found.transaction_formats:
        raise DefinitionsError(
            "the installed xrpl-py has no formats of transactions: "
            f"pip install --upgrade 'xrpl-py>={_OLDEST}'"
        )
    return found


def _parts(content: Mapping[str, Any]) -> dict[str, Any]:
    types = _codes(content["TYPES"])
    fields = {field.name: field for field in _fields(content["FIELDS"], types)}
    return {
        "hash": str(content.get("hash", "")),
        "types": types,
        "fields": MappingProxyType(fields),
        "fields_by_code": MappingProxyType(
            {field.code: field for field in fields.values() if field.is_serialized}
        ),
        "transaction_types": _codes(content["TRANSACTION_TYPES"]),
        "ledger_entry_types": _codes(content["LEDGER_ENTRY_TYPES"]),
        "transaction_results": _codes(content["TRANSACTION_RESULTS"]),
        "transaction_formats": _formats(content.get("TRANSACTION_FORMATS", {})),
        "ledger_entry_formats": _formats(content.get("LEDGER_ENTRY_FORMATS", {})),
        "transaction_flags": _flags(content.get("TRANSACTION_FLAGS", {})),
        "ledger_entry_flags": _flags(content.get("LEDGER_ENTRY_FLAGS", {})),
        "account_set_flags": _codes(content.get("ACCOUNT_SET_FLAGS", {})),
    }


def _field_json(field: Field) -> dict[str, Any]:
    return {
        "type": field.type,
        "nth": field.nth,
        "isSerialized": field.is_serialized,
        "isSigningField": field.is_signing,
        "isVLEncoded": field.is_variable_length,
    }


def _formats_json(formats: Formats) -> dict[str, Any]:
    return {
        name: [{"name": row.name, "optionality": row.optionality} for row in rows]
        for name, rows in formats.items()
    }


def _types_of_both(ours: Codes, theirs: Codes) -> dict[str, int]:
    """Types by our names: by these the codec knows how to read them."""
    known = set(ours.values())
    added = {n: code for n, code in theirs.items() if n not in ours and code not in known}
    return {**ours, **added}


def _by_our_type(field: Field, types: Codes) -> Field:
    if types.get(field.type) == field.type_code:
        return field
    named = {code: name for name, code in types.items()}
    return replace(field, type=named.get(field.type_code, field.type))


def _union(ours: Codes, theirs: Codes) -> dict[str, int]:
    taken = set(theirs.values())
    added = {n: code for n, code in ours.items() if n not in theirs and code not in taken}
    return {**added, **theirs}


def _joined(ours: Formats, theirs: Formats) -> dict[str, tuple[FormatField, ...]]:
    """Formats of either, each with the fields of both; what only ours have is optional there."""
    joined = {**ours, **theirs}
    for name in ours.keys() & theirs.keys():
        # Ours first, so that columns stay in their order.
        rows = {row.name: FormatField(row.name, row.optionality or 1) for row in ours[name]}
        rows.update((row.name, row) for row in theirs[name])
        joined[name] = tuple(rows.values())
    return joined


def _codes(table: Mapping[str, Any]) -> Codes:
    return MappingProxyType({str(name): int(code) for name, code in table.items()})


def _flags(tables: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Codes]:
    return MappingProxyType({name: _codes(table) for name, table in tables.items()})


def _fields(rows: list[tuple[str, Mapping[str, Any]]], types: Codes) -> list[Field]:
    return [
        Field(
            name=name,
            type=row["type"],
            type_code=types[row["type"]],
            nth=row["nth"],
            is_serialized=row["isSerialized"],
            is_signing=row["isSigningField"],
            is_variable_length=row["isVLEncoded"],
        )
        for name, row in rows
    ]


def _formats(tables: Mapping[str, list[Mapping[str, Any]]]) -> Formats:
    return MappingProxyType(
        {
            name: tuple(FormatField(row["name"], row["optionality"]) for row in rows)
            for name, rows in tables.items()
        }
    )
