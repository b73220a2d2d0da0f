"""Definitions as an older xrpl-py has them: the bundled ones, with things taken out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ekspiper.xrpl.codec import Definitions


def older_definitions(
    *,
    types: Collection[str] = (),
    fields: Collection[str] = (),
    names: Collection[str] = (),
    of: Definitions | None = None,
) -> Definitions:
    """Definitions without some types, fields, and names of transactions, entries and results.

    Args:
        types: with all fields of these types.
        fields: in formats as well.
        names: with their formats.
        of: what to take them out of; the bundled ones without it.
    """
    known = of or Definitions.bundled()
    gone = {name for name, each in known.fields.items() if each.type in types} | {*fields}

    def without(table: Mapping[str, Any], out: Collection[str]) -> dict[str, Any]:
        return {name: value for name, value in table.items() if name not in out}

    def formats(table: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: tuple(row for row in rows if row.name not in gone)
            for name, rows in without(table, names).items()
        }

    kept = without(known.fields, gone)
    return replace(
        known,
        hash="OLDER",
        types=without(known.types, types),
        fields=kept,
        fields_by_code={each.code: each for each in kept.values() if each.is_serialized},
        transaction_types=without(known.transaction_types, names),
        ledger_entry_types=without(known.ledger_entry_types, names),
        transaction_results=without(known.transaction_results, names),
        transaction_formats=formats(known.transaction_formats),
        ledger_entry_formats=formats(known.ledger_entry_formats),
    )
