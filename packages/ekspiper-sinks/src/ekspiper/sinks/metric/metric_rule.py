"""One metric over records: what is declared, and its validation."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ekspiper.core import ConfigError, MetricKind

__all__ = ["MetricRule", "rule_of"]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = {"histogram": "le"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule:
    """A counter, gauge or histogram over the fields of records.

    Args:
        name: as Prometheus shows it; a counter's ends in `_total`.
        kind: `counter` adds the value, `gauge` is set to it, `histogram` observes it.
        help: one sentence for people who read the scrape.
        value: the path of a number in the record (`Fee.value`), or a function of the record. A
            counter without one counts records. A record without the field is passed over; a
            function that returns None removes a gauge's series.
        labels: the path or function of each label's value, by the label's name. An absent field
            gives an empty label.
        buckets: upper bounds of a histogram's buckets, rising.

    Raises:
        ConfigError: what cannot work, by the rule's name.
    """

    name: str
    kind: MetricKind
    help: str = ""
    value: str | Callable[[Any], float | str | None] | None = None
    labels: Mapping[str, str | Callable[[Any], Any]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "buckets", tuple(self.buckets))
        object.__setattr__(self, "labels", dict(self.labels))
        for wrong in _mistakes(self):
            raise ConfigError(f"metric rule {self.name!r}: {wrong}")


def _mistakes(rule: MetricRule) -> list[str]:
    found = []
    if not isinstance(rule.name, str) or not _NAME.fullmatch(rule.name):
        found.append("a name has letters, digits, _ and :, and does not begin with a digit")
    if rule.kind not in ("counter", "gauge", "histogram"):
        found.append(f"kind is counter, gauge or histogram, not {rule.kind!r}")
    elif rule.kind == "counter" and not rule.name.endswith("_total"):
        found.append(f"a counter's name ends in _total: {rule.name}_total")
    elif rule.kind != "counter" and rule.name.endswith("_total"):
        found.append(f"only a counter's name ends in _total, and this is a {rule.kind}")
    if rule.kind != "counter" and rule.value is None:
        found.append(f"a {rule.kind} needs a value: the path of a field, such as Fee.value")
    if rule.buckets and rule.kind != "histogram":
        found.append(f"buckets belong to a histogram, and this is a {rule.kind}")
    if list(rule.buckets) != sorted(set(rule.buckets)):
        found.append(f"buckets rise, and these do not: {list(rule.buckets)}")
    for label in rule.labels:
        if not _LABEL.fullmatch(label) or label == _RESERVED.get(rule.kind):
            found.append(f"{label!r} cannot be the name of a label")
    return found


def rule_of(declared: MetricRule | Mapping[str, Any], place: int) -> MetricRule:
    """A rule as a configuration gives it: a table of `MetricRule`'s arguments.

    Args:
        place: the rule's number for error messages, from 1.

    Raises:
        ConfigError: an unknown or missing key, or a value of the wrong type.
    """
    if isinstance(declared, MetricRule):
        return declared
    if not isinstance(declared, Mapping):
        raise ConfigError(f"metric rule {place} is {type(declared).__name__}, not a table")
    where = f"metric rule {place} ({declared.get('name', 'without a name')})"
    known = [each.name for each in dataclasses.fields(MetricRule)]
    for key in declared:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=len(known), cutoff=0.0)
            raise ConfigError(f"{where}: unknown key {key!r}; known: {', '.join(near)}")
    for key in ("name", "kind"):
        if key not in declared:
            raise ConfigError(f"{where}: {key} is missing")
    _refuse_wrong_types(declared, where)
    return MetricRule(**declared)


def _refuse_wrong_types(declared: Mapping[str, Any], where: str) -> None:
    for key in ("name", "kind", "help"):
        if not isinstance(declared.get(key, ""), str):
            raise ConfigError(f"{where}: {key} is a string, not {declared[key]!r}")
    value = declared.get("value")
    if value is not None and not isinstance(value, str) and not callable(value):
        raise ConfigError(f"{where}: value is the path of a field, not {value!r}")
    labels = declared.get("labels", {})
    if not isinstance(labels, Mapping):
        raise ConfigError(f"{where}: labels is a table of label = path, not {labels!r}")
    for label, path in labels.items():
        if not isinstance(path, str) and not callable(path):
            raise ConfigError(f"{where}: label {label} is the path of a field, not {path!r}")
    buckets = declared.get("buckets", ())
    if not isinstance(buckets, list | tuple) or any(
        isinstance(each, bool) or not isinstance(each, int | float) for each in buckets
    ):
        raise ConfigError(f"{where}: buckets is a list of numbers, not {buckets!r}")
