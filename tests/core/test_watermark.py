"""The low-water mark against the plain definition of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core._runner.receipt import LowWaterMark


@given(st.permutations(range(40)), st.sets(st.integers(0, 39)), st.integers(0, 40))
def test_the_mark_is_the_end_of_the_unbroken_run(
    order: list[int], lost: set[int], until: int
) -> None:
    watermark = LowWaterMark()
    kept: set[int] = set()
    gone: set[int] = set()
    for sequence in order[:until]:
        if sequence in lost:
            watermark.lose(sequence)
            gone.add(sequence)
        else:
            watermark.keep(sequence)
            kept.add(sequence)
        expected = next(n for n in range(41) if n not in kept) - 1
        assert watermark.mark == expected
        assert watermark.blocked_at == min(gone, default=None)
        below = watermark.blocked_at if watermark.blocked_at is not None else 41
        assert watermark.waiting == sum(1 for n in kept if expected < n < below)


def test_behind_a_lost_item_memory_does_not_grow() -> None:
    watermark = LowWaterMark()
    watermark.lose(0)
    for sequence in range(1, 10_000):
        watermark.keep(sequence)
    assert (watermark.mark, watermark.waiting) == (-1, 0)
