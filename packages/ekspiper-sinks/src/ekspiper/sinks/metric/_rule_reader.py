"""A rule at work: what one record adds to one metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ekspiper.core import Permanent

from ._series import Series, Values
from .metric_rule import MetricRule

__all__ = ["Reading", "RuleReader"]

# Stands for a field that the record does not have.
_ABSENT: Any = object()

Reading = tuple[Series, Values, "float | None"]
"""What is to be recorded: the series, its label values, and the value; None removes the series."""


class RuleReader:
    """Reads from records what a rule asks for, and changes nothing.

    Args:
        rule: what is read.
        series: where it goes.
        passed_over: called for each record that lacks the field of the value.
    """

    def __init__(
        self, rule: MetricRule, series: Series, *, passed_over: Callable[[], None]
    ) -> None:
        self._name = rule.name
        self._kind = rule.kind
        self._series = series
        self._value = _function(rule.value)
        self._labels = tuple(_function(path) for path in rule.labels.values())
        self._passed_over = passed_over

    def read(self, record: Mapping[str, Any]) -> Reading | None:
        """What this record is to change; None where the rule does not apply to it.

        Raises:
            Permanent: the record cannot be counted; says which metric, and why.
        """
        try:
            value = 1.0 if self._value is None else self._number(self._value(record))
            if value is _ABSENT:
                self._passed_over()
                return None
            return self._series, tuple([_label(read(record)) for read in self._labels]), value
        except Permanent:
            raise
        except Exception as error:
            raise Permanent(
                f"metric {self._name}: cannot count the record: {type(error).__name__}: {error}"
            ) from error

    def _number(self, found: Any) -> Any:
        if found is _ABSENT or (found is None and self._kind == "gauge"):
            return found
        if found is None:
            return _ABSENT
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise Permanent(f"metric {self._name}: the value is {found!r:.80}, not a number")
        try:
            value = float(found)
        except (ValueError, OverflowError):
            raise Permanent(
                f"metric {self._name}: the value is {found!r:.80}, not a number"
            ) from None
        if not math.isfinite(value) or (self._kind == "counter" and value < 0):
            raise Permanent(f"metric {self._name}: a {self._kind} cannot take {found!r:.80}")
        return value


def _function(path: str | Callable[[Any], Any] | None) -> Any:
    return _field(path) if isinstance(path, str) else path


def _label(value: Any) -> str:
    if type(value) is str:
        return value
    if value is _ABSENT or value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    raise TypeError(f"a label needs a string or number, not {type(value).__name__}")


def _field(path: str) -> Callable[[Any], Any]:
    """A function that reads the field at `path`: names, and places in lists, joined by dots."""
    first, *rest = path.split(".")

    def read(record: Any) -> Any:
        value = record.get(first, _ABSENT)
        for name in rest:
            if isinstance(value, dict):
                value = value.get(name, _ABSENT)
            elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            else:
                return _ABSENT
        return value

    return read
