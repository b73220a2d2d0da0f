"""Checks of an object, compiled once for each shape in which it comes.

Ledgers hold few shapes: the same names with the same Python types come again and again. So what is
to be checked and changed in an object is worked out once for a shape, and looked up afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from .misfit import Misfit, Path, Problem, path_text

__all__ = ["PLANS_LIMIT", "Convert", "Found", "ObjectRule", "Plan", "issued_amount"]

Found = list[Misfit]
Convert = Callable[[Any, Path, Found], Any]
"""Takes a value, its path and the list of misfits; returns the value as a record holds it.

Raises `TypeError` or `ValueError` when the value as a whole cannot be one of its type.
"""

PLANS_LIMIT = 4096
_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII).fullmatch
_WHOLE = re.compile(r"-?\d+", re.ASCII).fullmatch
_UINT_MAX = {"UInt8": 0xFF, "UInt16": 0xFFFF}
_UINT32_MAX = 0xFFFFFFFF
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
    if "mpt_issuance_id" in value:
        return _mpt_amount(value)
    currency, issuer, number = _members(value)
    if (
        len(value) == 3
        and type(currency) is type(issuer) is type(number) is str
        and _DECIMAL(number)
    ):
        return value
    raise ValueError("it is no amount")


def _mpt_amount(value: dict[str, Any]) -> dict[str, str]:
    amount = {"currency": "", "issuer": "", **value}
    if (
        len(amount) == 4
        and not amount["currency"]
        and set(map(type, amount.values())) == {str}
        and _WHOLE(amount["value"])
    ):
        return amount
    raise ValueError("it is no amount of an MPT")


class Plan:
    """What is to be done with an object of one shape."""

    __slots__ = (
        "converted",
        "drops",
        "issued",
        "lengths",
        "missing",
        "rejected",
        "sized",
        "sizes",
        "small",
        "special",
        "wide",
        "words",
    )

    def __init__(self) -> None:
        self.drops: list[str] = []
        self.issued: list[str] = []
        self.words: list[str] = []
        self.wide: list[str] = []
        """64-bit integers: older servers print them in upper case with all their zeros."""
        self.sizes: dict[str, int] = {}
        self.sized: Callable[[Any], tuple[str, ...]] | None = None
        self.lengths: tuple[int, ...] = ()
        self.small: list[tuple[str, int, int]] = []
        self.converted: list[tuple[str, Convert]] = []
        self.rejected: list[tuple[str, Problem]] = []
        self.missing: list[str] = []
        self.special = False
        """Whether one of the last four has something to say."""


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
        return self.apply(plan, value, path, found)

    def plan(self, value: dict[str, Any]) -> Plan:
        """What is to be done with an object of the shape of `value`."""
        return self._plans.get((*value, *map(type, value.values()))) or self._plan(value)

    def apply(self, plan: Plan, value: dict[str, Any], path: Path, found: Found) -> dict[str, Any]:
        """`normalise`, with the plan of the value's shape at hand."""
        record = value.copy()
        for name in plan.drops:
            drops = value[name]
            if (drops.isdigit() and drops.isascii()) or _WHOLE(drops):
                record[name] = {"currency": "XRP", "issuer": "", "value": drops}
            else:
                self._reject(record, name, "wrong_type", path, found)
        for name in plan.issued:
            try:
                record[name] = issued_amount(value[name])
            except (KeyError, ValueError):
                self._reject(record, name, "wrong_type", path, found)
        for name in plan.wide:
            digits = value[name]
            if len(digits) == _UINT64_DIGITS:
                record[name] = digits.lower().lstrip("0") or "0"
        if plan.sized and tuple(map(len, plan.sized(value))) != plan.lengths:
            self._check_sizes(plan, record, path, found)
        for name in plan.words:
            if not 0 <= value[name] <= _UINT32_MAX:
                self._reject(record, name, "wrong_type", path, found)
        if plan.special:
            self._special(plan, value, record, path, found)
        return record

    def _check_sizes(self, plan: Plan, record: dict[str, Any], path: Path, found: Found) -> None:
        for name, length in plan.sizes.items():
            if len(record[name]) != length:
                self._reject(record, name, "wrong_type", path, found)

    def _special(
        self,
        plan: Plan,
        value: dict[str, Any],
        record: dict[str, Any],
        path: Path,
        found: Found,
    ) -> None:
        for name, low, high in plan.small:
            if not low <= value[name] <= high:
                self._reject(record, name, "wrong_type", path, found)
        for name, convert in plan.converted:
            try:
                record[name] = convert(value[name], (path, name), found)
            except (KeyError, ValueError, TypeError, AttributeError):
                self._reject(record, name, "wrong_type", path, found)
        self._report(plan, record, path, found)

    def _report(self, plan: Plan, record: dict[str, Any], path: Path, found: Found) -> None:
        for name, problem in plan.rejected:
            self._reject(record, name, problem, path, found)
        for name in plan.missing:
            found.append(Misfit("missing_field", f"{self.name}.{name}", path_text((path, name))))

    def _reject(
        self, record: dict[str, Any], name: str, problem: Problem, path: Path, found: Found
    ) -> None:
        value = record.pop(name)
        found.append(Misfit(problem, f"{self.name}.{name}", path_text((path, name)), value))

    def _plan(self, value: Mapping[str, Any]) -> Plan:
        plan = Plan()
        for name, one in value.items():
            self._add(plan, name, type(one))
        plan.missing = [name for name in self.required if name not in value]
        if plan.sizes:
            # Twice the same name where there is one, so that the getter gives a tuple.
            names = [*plan.sizes, *plan.sizes][: max(2, len(plan.sizes))]
            plan.sized = itemgetter(*names)
            plan.lengths = tuple(plan.sizes[name] for name in names)
        plan.special = bool(plan.small or plan.converted or plan.rejected or plan.missing)
        if len(self._plans) >= PLANS_LIMIT:
            self._plans.clear()
        self._plans[(*value, *map(type, value.values()))] = plan
        return plan

    def _add(self, plan: Plan, name: str, python: type) -> None:
        type_ = self.types.get(name)
        if type_ is None:
            plan.rejected.append((name, "unknown_field"))
        elif name in self.accepts:
            if python is not self.accepts[name]:
                plan.rejected.append((name, "wrong_type"))
            elif name in self.converts:
                plan.converted.append((name, self.converts[name]))
        elif name in self.named:
            if python is int:
                plan.converted.append((name, _code_text))
            elif python is not str:
                plan.rejected.append((name, "wrong_type"))
        elif type_ == "Amount" and python is str:
            plan.drops.append(name)
        elif type_ == "Amount" and python is dict:
            plan.issued.append(name)
        elif type_ in _INTEGERS and python is int:
            _add_range(plan, name, type_)
        elif type_ in _TEXT_TYPES and python is str:
            if type_ in _HEX_SIZES:
                plan.sizes[name] = _HEX_SIZES[type_]
            elif type_ == "UInt64":
                plan.wide.append(name)
        elif type_ in _TEXT_TYPES or type_ in _INTEGERS or type_ == "Amount":
            plan.rejected.append((name, "wrong_type"))


def _code_text(value: Any, path: Path, found: Found) -> str:
    return str(value)


def _add_range(plan: Plan, name: str, type_: str) -> None:
    if type_ == "UInt32":
        plan.words.append(name)
    elif type_ == "Int32":
        plan.small.append((name, -0x80000000, 0x7FFFFFFF))
    else:
        plan.small.append((name, 0, _UINT_MAX[type_]))
