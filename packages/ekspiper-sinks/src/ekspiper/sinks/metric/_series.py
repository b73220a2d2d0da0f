"""The series of one metric: as many as its labels may make, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ekspiper.core.instruments import Kind

__all__ = ["OTHER", "Series"]

OTHER = "other"
_LONGEST = 256
_METHOD = {"counter": "inc", "gauge": "set", "histogram": "observe"}

Values = tuple[str, ...]


class Series:
    """Finds the series for label values, and bounds how many there are.

    Each label has at most `max_label_values` values; a further one, or one of more than 256
    characters, becomes `other`. A metric has at most `10 * max_label_values` series; all labels
    of a further one become `other`. A gauge is never set for `other`, as it would be the last of
    many different things.

    Args:
        metric: of prometheus-client.
        labels: names of its labels.
        overflow: called with the label's name for each value that became `other`.
    """

    def __init__(
        self,
        metric: Any,
        kind: Kind,
        labels: tuple[str, ...],
        *,
        max_label_values: int,
        overflow: Callable[[str], None],
    ) -> None:
        self._metric = metric
        self._kind = kind
        self._labels = labels
        self._max_values = max_label_values
        self._max_series = 10 * max_label_values
        self._overflow = overflow
        self._known: tuple[set[str], ...] = tuple(set() for _ in labels)
        self._records: dict[Values, Callable[[float], None]] = {}
        if not labels:
            self._records[()] = getattr(metric, _METHOD[kind])

    def record(self, values: Values, value: float) -> None:
        """Add to, set, or observe in the series with these label values."""
        record = self._records.get(values)
        if record is None:
            record = self._new(values)
        record(value)

    def remove(self, values: Values) -> None:
        """Forget a series. Its values still count towards the bounds."""
        if self._labels and self._records.pop(values, None) is not None:
            self._metric.remove(*values)

    def _new(self, values: Values) -> Callable[[float], None]:
        bound = self._bound(values)
        for label, value, kept in zip(self._labels, values, bound, strict=True):
            if value != kept:
                self._overflow(label)
        if bound != values and self._kind == "gauge":
            return _forget
        if bound not in self._records:
            for known, value in zip(self._known, bound, strict=True):
                known.add(value)
            self._records[bound] = getattr(self._metric.labels(*bound), _METHOD[self._kind])
        return self._records[bound]

    def _bound(self, values: Values) -> Values:
        if len(self._records) >= self._max_series:
            return (OTHER,) * len(values)
        return tuple(
            value if self._fits(known, value) else OTHER
            for known, value in zip(self._known, values, strict=True)
        )

    def _fits(self, known: set[str], value: str) -> bool:
        return value in known or (len(known) < self._max_values and len(value) <= _LONGEST)


def _forget(value: float) -> None:
    pass
