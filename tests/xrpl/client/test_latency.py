from __future__ import annotations

import pytest

from ekspiper.xrpl.client._liveness import Latency


def test_follows_what_it_is_given() -> None:
    latency = Latency()
    for _ in range(100):
        latency.take(0.2, now=1.0)
    assert latency.mean == pytest.approx(0.2, rel=0.01)
    assert latency.usual == pytest.approx(0.2, rel=0.01)


def test_one_slow_answer_moves_it_a_little_and_the_deviation_more() -> None:
    latency = Latency()
    for _ in range(100):
        latency.take(0.1, now=1.0)
    latency.take(0.9, now=1.0)
    assert latency.mean == pytest.approx(0.2, rel=0.01)
    assert latency.usual == pytest.approx(1.0, rel=0.01)


def test_the_first_answer_replaces_the_guess() -> None:
    latency = Latency()
    assert not latency.known
    latency.take(0.3, now=1.0)
    assert latency.known
    assert latency.mean == 0.3
    assert latency.usual == pytest.approx(0.9)


def test_what_is_old_counts_less() -> None:
    latency = Latency()
    for _ in range(100):
        latency.take(0.8, now=10.0)
    assert latency.expected(10.0) == pytest.approx(0.8, rel=0.01)
    assert latency.expected(15.0) == pytest.approx(0.4, rel=0.01)
    assert latency.expected(40.0) < 0.02
