"""What of a record does not fit its schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Misfit",
    "Path",
    "Problem",
    "path_text",
    "stranger",
    "unknown_type",
    "unread",
    "unrecognized",
]

Problem = Literal["unknown_field", "wrong_type", "missing_field", "unknown_type"]

Path = tuple[Any, ...]
"""Where a value stands: `(path of what is around it, its key)`; `()` is the record itself."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit.

    Args:
        problem: what is wrong with it.
        name: what it is counted under, the same in every record: `Payment.Foo`.
        path: where it stands in this record: `meta.AffectedNodes[2].ModifiedNode.FinalFields.Foo`.
        value: what stands there; None when it is missing.
    """

    problem: Problem
    name: str
    path: str
    value: Any = None

    def __str__(self) -> str:
        return f"{self.problem.replace('_', ' ')} {self.name} at {self.path or 'the record'}"


def path_text(path: Path) -> str:
    """A path as text: `Memos[0].Memo.MemoData`."""
    if not path:
        return ""
    around, key = path
    before = path_text(around)
    if isinstance(key, int):
        return f"{before}[{key}]"
    return f"{before}.{key}" if before else str(key)


def stranger(array: str, kind: str, path: Path, element: Any) -> Misfit:
    """An element that an array does not hold."""
    return Misfit("unknown_field", f"{array}.{kind}", path_text(path), element)


def unknown_type(field: str, value: Any, around: Path = ()) -> Misfit:
    """A transaction, ledger entry or result of a type that the definitions do not know."""
    return Misfit("unknown_type", f"{field}.{value}", path_text((around, field)), value)


def unread(rest: str, path: Path) -> Misfit:
    """What follows a field of an unknown type, in hex: nobody knows how long that field is."""
    first, second = bytes.fromhex(rest[:4])
    return Misfit("unknown_type", f"FieldType.{first >> 4 or second}", path_text(path), rest)


def unrecognized(found: Iterable[Misfit]) -> dict[str, Any]:
    """What a record keeps of its misfits: values by path; null where something is missing."""
    return {misfit.path: misfit.value for misfit in found}
