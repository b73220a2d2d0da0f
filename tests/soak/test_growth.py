"""What the soak calls growth: a leak, and not a queue that fills now and then."""

from __future__ import annotations

import random

import pytest

from .growth import Allowance, growth, tenths

MEMORY = Allowance(absolute=6.0, share=0.05)


def run(slope: float = 0.0, *, noise: float = 5.0, warm: float = 60.0) -> list[tuple[float, float]]:
    """Memory over 100,000 ledgers, with a sink that hangs for a tenth of the time."""
    chance = random.Random(1)
    points = []
    for ledger in range(0, 100_000, 50):
        level = 100.0 + warm * min(1.0, ledger / 15_000) + slope * ledger / 1000
        if chance.random() < 0.1:
            level += 80.0
        points.append((float(ledger), level + chance.uniform(-noise, noise)))
    return points


@pytest.mark.parametrize("noise", [0.0, 5.0, 20.0])
def test_what_stands_still_does_not_grow(noise: float) -> None:
    assert not growth(run(noise=noise), MEMORY).is_growth


def test_a_leak_of_300_bytes_a_ledger_is_found() -> None:
    found = growth(run(slope=0.3), MEMORY)
    assert found.is_growth
    assert found.trend == pytest.approx(24.0, rel=0.2)


def test_one_step_is_not_a_trend_and_what_shrinks_is_not_growth() -> None:
    files = [(float(n), 20.0 + (n > 9_900)) for n in range(10_000)]
    assert not growth(files, Allowance()).is_growth
    assert not growth(run(slope=-1.0), MEMORY).is_growth


def test_tenths_are_medians() -> None:
    assert tenths([(float(n), float(n // 10)) for n in range(101)]) == [
        pytest.approx(each, abs=0.5) for each in range(10)
    ]
