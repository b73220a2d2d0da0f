"""Checks of an object, compiled once for each shape in which it comes.

Ledgers hold few shapes: the same names with the same Python types come again and again. So what is
to be checked and changed in an object is worked out once for a shape, and looked up afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from .misfit import Misfit, Path, Problem, path_text

__all__ = [
    "Convert",
    "Found",
    "ObjectRule",
    "Plan",
    "Rest",
    "drops_amount",
    "issued_amount",
    "short_uint64",
]

Found = list[Misfit]
Convert = Callable[[Any, Path, Found], Any]
"""Takes a value, its path and the list of misfits; returns the value as a record holds it.

Raises `TypeError` or `ValueError` when the value as a whole cannot be one of its type.
"""

_PLANS_LIMIT = 4096
_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII).fullmatch
_WHOLE = re.compile(r"-?\d+", re.ASCII).fullmatch
_UINT_MAX = {"UInt8": 0xFF, "UInt16": 0xFFFF}
_UINT64_DIGITS = 16
_HEX_SIZES = {"Hash128": 32, "Hash160": 40, "Hash192": 48, "Hash256": 64}
_TEXT_TYPES = frozenset({"AccountID", "Blob", "Currency", "Int64", "Number", "UInt64", *_HEX_SIZES})
_INTEGERS = frozenset({"UInt8", "UInt16", "UInt32", "Int32"})
_members = itemgetter("currency", "issuer", "value")


def issued_amount(value: dict[str, Any]) -> dict[str, str]:
    """An amount that is not XRP, in the one shape; from the server's shape or from its own.

    Raises:
        KeyError, ValueError: it is none.
    """
    if len(value) != 3 or "mpt_issuance_id" in value:
        return _mpt_amount(value)
    currency, issuer, number = _members(value)
    if type(currency) is type(issuer) is type(number) is str:
        fits = currency and _DECIMAL(number) if issuer else currency == "XRP" and _WHOLE(number)
        if fits:
            return value
    raise ValueError("it is no amount")


def drops_amount(drops: str) -> dict[str, str]:
    """An amount of XRP, in the one shape.

    Raises:
        ValueError: it is no number of drops.
    """
    if (drops.isdigit() and drops.isascii()) or _WHOLE(drops):
        return {"currency": "XRP", "issuer": "", "value": drops}
    raise ValueError("it is no number of drops")


def short_uint64(digits: str) -> str:
    """A 64-bit integer: older servers print it in upper case with all its zeros."""
    return digits.lower().lstrip("0") or "0" if len(digits) == _UINT64_DIGITS else digits


def _mpt_amount(value: dict[str, Any]) -> dict[str, str]:
    amount = {"currency": "", "issuer": "", **value}
    if (
        len(amount) == 4
        and amount["mpt_issuance_id"]
        and not amount["currency"]
        and set(map(type, amount.values())) == {str}
        and _WHOLE(amount["value"])
    ):
        return amount
    raise ValueError("it is no amount of an MPT")


class Plan(NamedTuple):
    """What is to be done with an object of one shape. `normalise` takes it apart at once."""

    drops: tuple[str, ...]
    issued: tuple[str, ...]
    wide: tuple[str, ...]
    sized: Callable[[Any], tuple[str, ...]] | None
    """Gets the hashes."""
    lengths: list[int]
    """Of the hashes, in digits."""
    words: tuple[str, ...]
    rest: Rest | None
    """What most shapes have nothing of."""


@dataclass(frozen=True, slots=True)
class Rest:
    """The part of a plan that most shapes have nothing of."""

    small: list[tuple[str, int, int]]
    converted: list[tuple[str, Convert]]
    rejected: list[tuple[str, Problem]]
    missing: list[str]


class _Draft:
    """A plan that is being made."""

    def __init__(self) -> None:
        self.drops: list[str] = []
        self.issued: list[str] = []
        self.wide: list[str] = []
        self.sizes: dict[str, int] = {}
        self.words: list[str] = []
        self.small: list[tuple[str, int, int]] = []
        self.converted: list[tuple[str, Convert]] = []
        self.rejected: list[tuple[str, Problem]] = []
        self.missing: list[str] = []

    def plan(self) -> Plan:
        # Twice the same name where there is one, so that the getter gives a tuple.
        sized = [*self.sizes, *self.sizes][: max(2, len(self.sizes))]
        has_rest = self.small or self.converted or self.rejected or self.missing
        return Plan(
            drops=tuple(self.drops),
            issued=tuple(self.issued),
            wide=tuple(self.wide),
            sized=itemgetter(*sized) if sized else None,
            lengths=[self.sizes[name] for name in sized],
            words=tuple(self.words),
            rest=Rest(self.small, self.converted, self.rejected, self.missing)
            if has_rest
            else None,
        )


class ObjectRule:
    """The fields that an object may and must have.

    Args:
        name: what its misfits are counted under.
        types: the definitions' type of each field it may have.
        required: the fields it must have.
        named: fields that are shown by name; a number there has no name.
        converts: how to check and change the fields that hold more than one value.
        accepts: the Python type of each field that holds more than one value.
    """

    __slots__ = ("_plans", "accepts", "converts", "name", "named", "required", "types")

    def __init__(
        self,
        name: str,
        types: Mapping[str, str],
        required: Sequence[str] = (),
        *,
        named: frozenset[str] = frozenset(),
        converts: Mapping[str, Convert] | None = None,
        accepts: Mapping[str, type] | None = None,
    ) -> None:
        self.name = name
        self.types = types
        self.required = tuple(required)
        self.named = named
        self.converts = converts or {}
        self.accepts = accepts or {}
        self._plans: dict[tuple[Any, ...], Plan] = {}

    def normalise(self, value: dict[str, Any], path: Path, found: Found) -> dict[str, Any]:
        """A copy of `value` in record shape; what does not fit goes to `found` and is left out."""
        plan = self._plans.get((*value, *map(type, value.values()))) or self._plan(value)
        drops, issued, wide, sized, lengths, words, rest = plan
        record = value.copy()
        for name in drops:
            try:
                record[name] = drops_amount(value[name])
            except ValueError:
                self._reject(record, name, "wrong_type", path, found)
        for name in issued:
            try:
                record[name] = issued_amount(value[name])
            except (KeyError, ValueError):
                self._reject(record, name, "wrong_type", path, found)
        for name in wide:
            record[name] = short_uint64(value[name])
        if sized is not None and [*map(len, sized(value))] != lengths:
            self._check_sizes(record, path, found)
        for name in words:
            if value[name] >> 32:  # negative, or more than 32 bits
                self._reject(record, name, "wrong_type", path, found)
        if rest is not None:
            self._apply_rest(rest, value, record, path, found)
        return record

    def _check_sizes(self, record: dict[str, Any], path: Path, found: Found) -> None:
        for name, one in tuple(record.items()):
            size = _HEX_SIZES.get(self.types.get(name, ""))
            if size is not None and type(one) is str and len(one) != size:
                self._reject(record, name, "wrong_type", path, found)

    def _apply_rest(
        self, rest: Rest, value: dict[str, Any], record: dict[str, Any], path: Path, found: Found
    ) -> None:
        for name, low, high in rest.small:
            if not low <= value[name] <= high:
                self._reject(record, name, "wrong_type", path, found)
        for name, convert in rest.converted:
            try:
                record[name] = convert(value[name], (path, name), found)
            except (KeyError, ValueError, TypeError, AttributeError):
                self._reject(record, name, "wrong_type", path, found)
        self._report(rest, record, path, found)

    def _report(self, rest: Rest, record: dict[str, Any], path: Path, found: Found) -> None:
        for name, problem in rest.rejected:
            self._reject(record, name, problem, path, found)
        for name in rest.missing:
            found.append(Misfit("missing_field", f"{self.name}.{name}", path_text((path, name))))

    def _reject(
        self, record: dict[str, Any], name: str, problem: Problem, path: Path, found: Found
    ) -> None:
        value = record.pop(name)
        found.append(Misfit(problem, f"{self.name}.{name}", path_text((path, name)), value))

    def _plan(self, value: Mapping[str, Any]) -> Plan:
        draft = _Draft()
        for name, one in value.items():
            self._add(draft, name, type(one))
        draft.missing = [name for name in self.required if name not in value]
        plan = draft.plan()
        if len(self._plans) >= _PLANS_LIMIT:
            self._plans.clear()
        self._plans[(*value, *map(type, value.values()))] = plan
        return plan

    def _add(self, draft: _Draft, name: str, python: type) -> None:
        type_ = self.types.get(name)
        if type_ is None:
            draft.rejected.append((name, "unknown_field"))
        elif name in self.accepts:
            if python is not self.accepts[name]:
                draft.rejected.append((name, "wrong_type"))
            elif name in self.converts:
                draft.converted.append((name, self.converts[name]))
        elif name in self.named:
            if python is int:
                draft.converted.append((name, _code_text))
            elif python is not str:
                draft.rejected.append((name, "wrong_type"))
        elif type_ == "Amount" and python is str:
            draft.drops.append(name)
        elif type_ == "Amount" and python is dict:
            draft.issued.append(name)
        elif type_ in _INTEGERS and python is int:
            _add_range(draft, name, type_)
        elif type_ in _TEXT_TYPES and python is str:
            if type_ in _HEX_SIZES:
                draft.sizes[name] = _HEX_SIZES[type_]
            elif type_ == "UInt64":
                draft.wide.append(name)
        elif type_ in _TEXT_TYPES or type_ in _INTEGERS or type_ == "Amount":
            draft.rejected.append((name, "wrong_type"))


def _code_text(value: Any, path: Path, found: Found) -> str:
    return str(value)


def _add_range(draft: _Draft, name: str, type_: str) -> None:
    if type_ == "UInt32":
        draft.words.append(name)
    elif type_ == "Int32":
        draft.small.append((name, -0x80000000, 0x7FFFFFFF))
    else:
        draft.small.append((name, 0, _UINT_MAX[type_]))
