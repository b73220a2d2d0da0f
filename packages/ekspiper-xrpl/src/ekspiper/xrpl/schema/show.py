"""A schema as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Field, Schema

__all__ = ["schema_rows", "schema_text"]


def schema_rows(schema: Schema, *, depth: int = 1) -> list[tuple[str, str, str]]:
    """Path, type and need (`required`, `optional`) of each field, down to `depth` levels."""
    return [row for field in schema.fields for row in _rows(field, "", depth)]


def schema_text(schema: Schema, *, depth: int = 1) -> str:
    """The fields of a schema, one a line, in columns."""
    rows = schema_rows(schema, depth=depth)
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{path:<{widths[0]}}  {type_:<{widths[1]}}  {need}" for path, type_, need in rows]
    return "\n".join([f"{schema.name}: {schema.description}", "", *lines, ""])


def _rows(field: Field, prefix: str, depth: int) -> Iterator[tuple[str, str, str]]:
    path = f"{prefix}{field.name}{'[]' if field.repeated else ''}"
    yield path, field.type, "required" if field.required else "optional"
    if depth > 1:
        for one in field.fields:
            yield from _rows(one, f"{path}.", depth - 1)
