"""What a table or a record looks like, before a warehouse adds its types; and how it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Field", "Kind", "Schema", "schema_rows", "schema_text", "text_columns"]

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


def schema_rows(schema: Schema, *, depth: int = 1) -> list[tuple[str, str, str]]:
    """Path, type and need (`required`, `optional`) of each field, down to `depth` levels."""
    return [row for field in schema.fields for row in _rows(field, "", depth)]


def schema_text(schema: Schema, *, depth: int = 1) -> str:
    """The fields of a schema, one a line, in columns."""
    lines = text_columns(schema_rows(schema, depth=depth))
    return "\n".join([f"{schema.name}: {schema.description}", "", *lines, ""])


def text_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines in columns, each as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _rows(field: Field, prefix: str, depth: int) -> Iterator[tuple[str, str, str]]:
    path = f"{prefix}{field.name}{'[]' if field.repeated else ''}"
    yield path, field.type, "required" if field.required else "optional"
    if depth > 1:
        for one in field.fields:
            yield from _rows(one, f"{path}.", depth - 1)
