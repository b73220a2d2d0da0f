"""The series of one metric: as many as its labels may make, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ekspiper.core import MetricKind

__all__ = ["OTHER", "GaugeSeries", "Series"]

OTHER = "other"
_LONGEST = 256
_METHOD = {"counter": "inc", "gauge": "set", "histogram": "observe"}

# A newcomer takes a place when it has moved this many times as often: at equal pace the two would
# replace each other with every record.
_AHEAD = 2

# Past movements count half after this many records for each series that may be there: long enough
# to compare the pace of two books, short enough to follow the day.
_FORGET_AFTER = 50

Values = tuple[str, ...]


class Series:
    """Finds the series of a counter or histogram for label values, and bounds how many there are.

    Each label has at most `max_label_values` values; a further one, or one of more than 256
    characters, becomes `other`. A metric has at most `10 * max_label_values` series; all labels
    of a further one become `other`. Nothing is ever removed: the sums stay right.

    Args:
        metric: of prometheus-client.
        labels: names of its labels.
        overflow: called with the label's name for each value that became `other`.
    """

    def __init__(
        self,
        metric: Any,
        kind: MetricKind,
        labels: tuple[str, ...],
        *,
        max_label_values: int,
        overflow: Callable[[str], None],
    ) -> None:
        self._metric = metric
        self._method = _METHOD[kind]
        self._labels = labels
        self._max_values = max_label_values
        self._max_series = 10 * max_label_values
        self._overflow = overflow
        self._known: tuple[Counter[str], ...] = tuple(Counter() for _ in labels)
        self._records: dict[Values, Callable[[float], None]] = {}
        if not labels:
            self._records[()] = getattr(metric, self._method)

    def record(self, values: Values, value: float) -> None:
        """Add to, set, or observe in the series with these label values."""
        record = self._records.get(values)
        if record is None:  # what comes often is one look into a dict
            record = self._new(values)
        record(value)

    def remove(self, values: Values) -> None:
        """Forget a series, and free its place."""
        if self._labels and self._records.pop(values, None) is not None:
            # A series that is no longer set would show its last value until the end.
            self._metric.remove(*values)
            for known, value in zip(self._known, values, strict=True):
                known[value] -= 1
                if not known[value]:
                    del known[value]

    def _new(self, values: Values) -> Callable[[float], None]:
        bound = self._bound(values)
        self._count_overflow(values, bound)
        if bound not in self._records:
            self._add(bound)
        return self._records[bound]

    def _add(self, values: Values) -> None:
        for known, value in zip(self._known, values, strict=True):
            known[value] += 1
        self._records[values] = getattr(self._metric.labels(*values), self._method)

    def _count_overflow(self, values: Values, bound: Values) -> None:
        for label, value, kept in zip(self._labels, values, bound, strict=True):
            if value != kept:
                self._overflow(label)

    def _bound(self, values: Values) -> Values:
        # Labels multiply: two with a hundred values each could be ten thousand series.
        if len(self._records) >= self._max_series:
            return (OTHER,) * len(values)
        return tuple(
            value if self._fits(known, value) else OTHER
            for known, value in zip(self._known, values, strict=True)
        )

    def _fits(self, known: Counter[str], value: str) -> bool:
        return value in known or (len(known) < self._max_values and len(value) <= _LONGEST)


class GaugeSeries(Series):
    """The series of a gauge: of those that do not all fit, the ones that move most.

    A gauge is never set for `other`, as it would be the last of many different things. So where
    the bounds are reached, a series gives up its place to one that moves more often. The marks of
    both fade, so that what moved most last month does not stay for that.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._moves: Counter[Values] = Counter()
        self._moved = 0
        self._fewest = 0  # no series moves less often than this; spares looking at all of them

    def record(self, values: Values, value: float) -> None:
        """Set the gauge with these label values, where it has a place or earns one."""
        if not any(len(each) > _LONGEST for each in values):
            self._note_move(values)
            if values not in self._records and self._has_place(values):
                self._add(values)
                self._fewest = 0
        record = self._records.get(values)
        if record is not None:
            record(value)
        else:
            self._count_overflow(values, self._bound(values))

    def _has_place(self, values: Values) -> bool:
        if self._bound(values) == values:
            return True
        if self._moves[values] < _AHEAD * max(self._fewest, 1):
            return False
        leaving = self._quieter_than(values)
        for each in leaving:
            self.remove(each)
        return bool(leaving)

    def _quieter_than(self, values: Values) -> list[Values]:
        """The series that have to leave so that `values` fits; none where one moves too often."""
        # Room is counted label by label, as a label may be full while the others are not.
        quiet = sorted(self._records, key=self._moves.__getitem__)
        self._fewest = self._moves[quiet[0]]
        room = [self._max_values - len(known) + (v in known) for known, v in self._places(values)]
        known = [Counter(each) for each in self._known]
        leaving: list[Values] = []
        for each in quiet:
            if self._moves[values] < _AHEAD * max(self._moves[each], 1):
                return []
            leaving.append(each)
            for label, value in enumerate(each):
                known[label][value] -= 1
                room[label] += not known[label][value]
            if all(each > 0 for each in room):
                return leaving
        return []

    def _places(self, values: Values) -> list[tuple[Counter[str], str]]:
        return list(zip(self._known, values, strict=True))

    def _note_move(self, values: Values) -> None:
        self._moves[values] += 1
        self._moved += 1
        if self._moved >= _FORGET_AFTER * self._max_series:
            self._moved = self._fewest = 0
            halves = {each: moves // 2 for each, moves in self._moves.items() if moves > 1}
            self._moves = Counter(halves)
