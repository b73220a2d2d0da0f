"""Counts of what did not fit the schema, for the report at the end and for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ekspiper.core import Instrument, Instruments, Metric, NoInstruments
from ekspiper.xrpl.schema import Misfit, Problem

__all__ = ["DRIFT_METRIC", "Drift", "DriftCounter", "DriftReport"]

DRIFT_METRIC = Metric(
    "ekspiper_drift_total",
    "counter",
    ("problem", "name"),
    "misfits",
    "Fields and types that do not fit the schema",
)

# Names that are series of their own: names come from the data, which may hold any number.
_NAMES_LIMIT = 200


@dataclass(slots=True)
class Drift:
    """One name that did not fit: how often, and where first."""

    problem: Problem
    name: str
    count: int = 0
    ledger_index: int | None = None
    transaction: str = ""

    def __str__(self) -> str:
        first = f"first in ledger {self.ledger_index}, {self.transaction}"
        return f"{self.problem.replace('_', ' ')} {self.name}: {self.count} times, {first}"


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What did not fit the schema, in all."""

    records: int
    drifted: int
    drifts: tuple[Drift, ...] = ()

    @classmethod
    def together(cls, reports: Sequence[DriftReport]) -> DriftReport:
        """What did not fit in any of them; `first in` is of the earliest ledger."""
        drifts: dict[tuple[str, str], Drift] = {}
        for each in (drift for report in reports for drift in report.drifts):
            had = drifts.get((each.problem, each.name))
            first = (
                each if had is None else min(had, each, key=lambda drift: drift.ledger_index or 0)
            )
            count = each.count + (had.count if had else 0)
            drifts[each.problem, each.name] = Drift(
                each.problem, each.name, count, first.ledger_index, first.transaction
            )
        return cls(
            sum(report.records for report in reports),
            sum(report.drifted for report in reports),
            tuple(drifts.values()),
        )

    def __bool__(self) -> bool:
        return bool(self.drifts)

    def __str__(self) -> str:
        if not self.drifts:
            return f"{self.records} records, all fit the schema"
        lines = [f"{self.drifted} of {self.records} records do not fit the schema in all:"]
        return "\n".join([*lines, *(f"  {drift}" for drift in self.drifts)])


@dataclass(slots=True)
class DriftCounter:
    """Counts misfits by name. Names come from the data, so as metrics at most 200 are told apart."""

    instruments: Instruments = field(default_factory=NoInstruments)
    records: int = 0
    drifted: int = 0
    _drifts: dict[tuple[str, str], Drift] = field(default_factory=dict)
    _instruments: dict[tuple[str, str], Instrument] = field(default_factory=dict)

    def add(self, misfits: Iterable[Misfit], record: dict[str, Any]) -> None:
        """Count the misfits of one record."""
        self.drifted += 1
        tally = Counter((misfit.problem, misfit.name) for misfit in misfits)
        for (problem, name), count in tally.items():
            key = (problem, name)
            drift = self._drifts.get(key)
            if drift is None:
                place = record.get("ledger_index"), str(record.get("hash") or record.get("index"))
                drift = self._drifts[key] = Drift(problem, name, 0, *place)
            drift.count += count
            self._instrument(key).record(count)

    def _instrument(self, key: tuple[str, str]) -> Instrument:
        # The report keeps all names; only series in a monitoring system are dear.
        if key not in self._instruments and len(self._instruments) >= _NAMES_LIMIT:
            key = (key[0], "other")
        if key not in self._instruments:
            self._instruments[key] = self.instruments.instrument(
                DRIFT_METRIC, problem=key[0], name=key[1]
            )
        return self._instruments[key]

    def report(self) -> DriftReport:
        """Everything counted so far, the most frequent first."""
        drifts = sorted(self._drifts.values(), key=lambda drift: (-drift.count, drift.name))
        return DriftReport(self.records, self.drifted, tuple(drifts))
