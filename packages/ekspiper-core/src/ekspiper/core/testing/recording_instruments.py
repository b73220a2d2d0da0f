"""Instruments that remember what was recorded."""

from __future__ import annotations

from collections import defaultdict

from ..instruments import Instrument, Instruments, Metric

__all__ = ["RecordingInstruments"]

Labels = tuple[tuple[str, str], ...]


class RecordingInstruments(Instruments):
    """Keeps every value that was recorded, by metric and labels."""

    def __init__(self) -> None:
        self.recorded: dict[tuple[str, Labels], list[float]] = defaultdict(list)

    def instrument(self, metric: Metric, **labels: str) -> Instrument:
        """An instrument that appends to `recorded`.

        Raises:
            ValueError: the labels are not those of the metric.
        """
        # Prometheus refuses such a series, but only where it is installed: here every test finds
        # out.
        if set(labels) != set(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {sorted(labels)}")
        return _Recorder(self.recorded[metric.name, tuple(sorted(labels.items()))])

    def total(self, name: str, **labels: str) -> float:
        """The sum of what was recorded: of a counter, its value. Labels not given are summed."""
        return sum(value for values in self._matching(name, labels) for value in values)

    def last(self, name: str, **labels: str) -> float:
        """The value recorded last: of a gauge, its value."""
        return self._matching(name, labels)[-1][-1]

    def _matching(self, name: str, labels: dict[str, str]) -> list[list[float]]:
        wanted = set(labels.items())
        return [
            values
            for (metric, own), values in self.recorded.items()
            if metric == name and wanted <= set(own) and values
        ]


class _Recorder:
    def __init__(self, values: list[float]) -> None:
        self._values = values

    def record(self, value: float) -> None:
        self._values.append(value)
