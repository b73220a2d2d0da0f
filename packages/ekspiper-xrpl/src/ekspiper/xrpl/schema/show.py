"""A schema as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .model import Field, Schema

__all__ = ["schema_rows", "schema_text", "text_columns"]


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
