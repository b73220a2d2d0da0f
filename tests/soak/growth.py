"""Whether something that was measured again and again grows. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Allowance", "Growth", "growth", "tenths"]

WARM_UP = 0.2
"""The share of the way in which caches fill and every kind of fault happens for the first time."""

_MOST_POINTS = 300
"""Slopes are taken between all pairs, so they are many."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """By how much a measure may differ between the early and the late part without growing."""

    absolute: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of a measure between the warm-up and the end.

    Attributes:
        early, late: the median of the first and of the last third after the warm-up.
        trend: what the median slope between all pairs of points makes over the whole time.
        is_growth: whether both, the medians and the trend, say that it grew more than is allowed.
    """

    early: float
    late: float
    trend: float
    is_growth: bool


def growth(points: Sequence[tuple[float, float]], allowance: Allowance) -> Growth:
    """Judge a measure.

    One that stands still is noisy here: queues fill when a sink hangs. Medians and the slope of
    Theil and Sen do not mind that as long as it is so for less than a quarter of the time.

    Args:
        points: how far the run was (here: ledgers), and the measure, in order.
        allowance: what counts as standing still.
    """
    first, last = points[0][0], points[-1][0]
    steady = [point for point in points if point[0] >= first + WARM_UP * (last - first)]
    third = max(1, len(steady) // 3)
    early = median(value for _, value in steady[:third])
    late = median(value for _, value in steady[-third:])
    trend = _slope(steady) * (steady[-1][0] - steady[0][0])
    allowed = max(allowance.absolute, allowance.share * early)
    return Growth(early, late, trend, min(late - early, trend) > allowed)


def tenths(points: Sequence[tuple[float, float]]) -> list[float]:
    """The median of each tenth of the way; of one without a point that of the one before."""
    first, last = points[0][0], points[-1][0]
    groups: list[list[float]] = [[] for _ in range(10)]
    for at, value in points:
        groups[min(9, int(10 * (at - first) / max(last - first, 1e-9)))].append(value)
    found: list[float] = []
    for group in groups:
        found.append(median(group) if group else found[-1] if found else 0.0)
    return found


def _slope(points: Sequence[tuple[float, float]]) -> float:
    step = max(1, len(points) // _MOST_POINTS)
    chosen = points[::step]
    slopes = [
        (value - before) / (at - earlier)
        for number, (earlier, before) in enumerate(chosen)
        for at, value in chosen[number + 1 :]
        if at > earlier
    ]
    return median(slopes) if slopes else 0.0
