"""What of a record does not fit its schema, and is kept under `_unrecognized`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Misfit",
    "Path",
    "Problem",
    "path_text",
    "put_back",
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
    # A type from 16 on has its own byte, and the first half byte is 0.
    first, second = bytes.fromhex(rest[:4])
    return Misfit("unknown_type", f"FieldType.{first >> 4 or second}", path_text(path), rest)


# At most nine digits: `int` of a longer index would only waste time.
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,9})\]")


def put_back(record: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a record in which everything that it keeps as unrecognized is in its place.

    Raises:
        ValueError: something of it does not fit into the place that it names.
    """
    # A copy, and a deep one: elements are put into lists that the record's owner still has.
    made = deepcopy(dict(record))
    try:
        for path, value in kept.items():
            _put_back(made, path, value)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"what it keeps as unrecognized fits nowhere: {error}") from error
    return made


def _put_back(record: dict[str, Any], path: str, value: Any) -> None:
    """Misfits come in the order of the record, so that elements taken out of a list fit in."""
    steps: list[str | int] = [int(at) if at else name for name, at in _STEP.findall(path)]
    holder: Any = record
    for step in steps[:-1]:
        if value is None and isinstance(holder, dict) and step not in holder:
            return  # what is around a missing field may be missing, too
        holder = holder[step]
    last = steps[-1]
    if value is None:
        if last in holder:
            raise ValueError(f"{path} is not missing")
    elif isinstance(last, int):
        if last > len(holder):
            raise ValueError(f"{path} is beyond the end")
        # Inserted and not replaced: it was taken out of the list, and the others moved up.
        holder.insert(last, value)
    else:
        # A code without a name is in its place as well, as text.
        if str(holder.get(last, value)) != str(value):
            raise ValueError(f"{path} is {holder[last]}, not {value}")
        holder[last] = value


def unrecognized(found: Iterable[Misfit]) -> dict[str, Any]:
    """What a record keeps of its misfits: values by path; null where something is missing."""
    return {misfit.path: misfit.value for misfit in found}
