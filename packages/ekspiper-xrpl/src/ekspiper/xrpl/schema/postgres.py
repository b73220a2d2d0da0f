"""Schemas as tables of PostgreSQL."""

from __future__ import annotations

from .schema import Field, Schema

__all__ = ["KEYS", "postgres_column", "postgres_columns", "postgres_ddl"]

KEYS: dict[str, tuple[str, ...]] = {
    "transactions": ("hash",),
    "ledgers": ("ledger_index",),
    "amms": ("ledger_index", "account"),
    "objects": ("ledger_index", "index"),
}
"""The columns that tell the records of a table apart. Books of domains and open ones share theirs."""

_TYPES = {
    "text": "text",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "struct": "jsonb",
    "json": "jsonb",
}
# PostgreSQL has signed integers only: each type is the next wider one.
_INTEGERS = {"UInt8": "smallint", "UInt16": "integer", "Int32": "integer"}


# Every table has these already, and refuses others of the name. `ctid` is a field of ours as well.
_SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})


def postgres_column(name: str) -> str:
    """The column of a field: its name, with `_` after the names that PostgreSQL keeps (`ctid`)."""
    return f"{name}_" if name in _SYSTEM_COLUMNS else name


def postgres_columns(schema: Schema) -> dict[str, str]:
    """The type of each column, by name: plain values typed, everything with members `jsonb`."""
    return {postgres_column(field.name): _type(field) for field in schema.fields}


def postgres_ddl(schema: Schema, *, table: str | None = None) -> str:
    """`CREATE TABLE IF NOT EXISTS` and the indexes of a table.

    Args:
        table: its name, with a schema before a dot if need be; the schema's own without it.
    """
    parts = (table or schema.name).split(".")
    name = ".".join(map(_quoted, parts))
    required = {field.name for field in schema.fields if field.required}
    lines = [
        f"    {_quoted(column)} {type_}{' NOT NULL' if column in required else ''}"
        for column, type_ in postgres_columns(schema).items()
    ]
    key = _key(schema)
    if key:
        lines.append(f"    PRIMARY KEY ({', '.join(map(_quoted, key))})")
    statements = [f"CREATE TABLE IF NOT EXISTS {name} (\n" + ",\n".join(lines) + "\n);"]
    # Where the key begins with it, the key's own index serves.
    if "ledger_index" in schema and key[:1] != ("ledger_index",):
        statements.append(_index(parts[-1], name, "ledger_index"))
    return "\n".join([*statements, ""])


def _key(schema: Schema) -> tuple[str, ...]:
    if schema.name in KEYS:
        return KEYS[schema.name]
    if "hash" in schema:
        return ("hash",)
    return ("ledger_index", "index") if "index" in schema else ()


def _index(table: str, name: str, column: str) -> str:
    index = _quoted(f"{table}_{column}_idx")
    return f"CREATE INDEX IF NOT EXISTS {index} ON {name} ({_quoted(column)});"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(field: Field) -> str:
    # Not an array: members of ours are objects, and `jsonb` can be asked for what is inside.
    if field.repeated:
        return "jsonb"
    if field.kind == "integer":
        return _INTEGERS.get(field.type, "bigint")
    return _TYPES[field.kind]
