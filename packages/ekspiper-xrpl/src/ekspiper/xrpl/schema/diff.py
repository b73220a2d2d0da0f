"""What differs between two sets of definitions, such as the bundled ones and a node's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ekspiper.xrpl.codec import Definitions

__all__ = ["Difference", "diff"]

Change = Literal["added", "removed", "changed"]

# What each is called in the report, and the attribute of `Definitions` that has it.
_TABLES = {
    "type": "types",
    "transaction type": "transaction_types",
    "ledger entry type": "ledger_entry_types",
    "transaction result": "transaction_results",
}
_FORMATS = {
    "transaction format": "transaction_formats",
    "ledger entry format": "ledger_entry_formats",
}
_OPTIONALITY = {0: "required", 1: "optional", 2: "default"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: what kind of thing, its name, and how it was and is."""

    change: Change
    kind: str
    name: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        mark = {"added": "+", "removed": "-", "changed": "~"}[self.change]
        values = " -> ".join(one for one in (self.before, self.after) if one)
        return f"{mark} {self.kind} {self.name}: {values}"


def diff(before: Definitions, after: Definitions) -> list[Difference]:
    """Everything that differs: types, fields, transaction and ledger entry types, results, formats.

    A code that the two call by different names is one change: `field UInt32 53: A -> B`. Formats
    are compared where both have them: older servers give none.
    """
    # Otherwise a name that changed would be two lines, one gone and one new, far from each other.
    renamed = before.conflicts_with(after)
    found = [Difference("changed", one.kind, one.code, one.ours, one.theirs) for one in renamed]
    names = {(one.kind, name) for one in renamed for name in (one.ours, one.theirs)}
    for kind, table in _TABLES.items():
        found += _compare(kind, getattr(before, table), getattr(after, table), str)
    found += _compare("field", before.fields, after.fields, _field_text)
    for kind, table in _FORMATS.items():
        old, new = _flat(getattr(before, table)), _flat(getattr(after, table))
        # Older servers give no formats: then every one of ours would be a difference.
        if old and new:
            found += _compare(kind, old, new, str)
    # What was renamed is said once, as a rename.
    return [each for each in found if (each.kind, each.name) not in names]


def _compare(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any], show: Any
) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Difference("added", kind, name, after=show(after[name]))
        elif name not in after:
            yield Difference("removed", kind, name, before=show(before[name]))
        elif before[name] != after[name]:
            yield Difference("changed", kind, name, show(before[name]), show(after[name]))


def _field_text(field: Any) -> str:
    marks = (
        ("" if field.is_serialized else " not serialized")
        + ("" if field.is_signing else " not signed")
        + (" with length" if field.is_variable_length else "")
    )
    return f"{field.type} {field.nth}{marks}"


def _flat(formats: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{name}.{field.name}": _OPTIONALITY.get(field.optionality, str(field.optionality))
        for name, fields in formats.items()
        for field in fields
    }
