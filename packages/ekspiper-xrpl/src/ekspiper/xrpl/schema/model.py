"""What a table or a record looks like, before any warehouse has its say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["Field", "Kind", "Schema"]

Kind = Literal["text", "integer", "boolean", "timestamp", "struct", "json"]
"""How a value looks in a record.

`timestamp` is ISO 8601 text in UTC; `json` is any JSON value, for what no fixed shape can hold.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One named value of a record.

    Args:
        name: the key in the record.
        type: the type the definitions give it (`UInt32`, `Amount`, ...); for fields that the
            pipeline adds, the type whose values look the same.
        kind: how the value looks in a record.
        required: whether every record has it.
        repeated: whether it is a list of such values.
        fields: the members of a struct.
    """

    name: str
    type: str
    kind: Kind
    required: bool = False
    repeated: bool = False
    fields: tuple[Field, ...] = ()

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Field]]:
        """This field and all below it, each with its dotted path."""
        path = f"{prefix}{self.name}"
        yield path, self
        for field in self.fields:
            yield from field.walk(f"{path}.")


@dataclass(frozen=True, slots=True)
class Schema:
    """A named set of fields: one kind of record, or one table."""

    name: str
    fields: tuple[Field, ...]
    description: str = ""

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(field.name == name for field in self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(field.name for field in self.fields)

    def walk(self) -> Iterator[tuple[str, Field]]:
        """All fields, at any depth, each with its dotted path."""
        for field in self.fields:
            yield from field.walk()
