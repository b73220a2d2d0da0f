"""Whether a long run grows."""

from __future__ import annotations

import resource

__all__ = ["Memory"]

_GROWTH = 64 * 1024
"""Kilobytes that peak memory may grow by after the first tenth of the work."""


class Memory:
    """Peak memory since the first tenth of the work.

    Args:
        total: how much work there is.
    """

    def __init__(self, total: int) -> None:
        self._tenth = total // 10
        self._before = 0

    def note(self, done: int) -> None:
        """So much of the work is done."""
        if not self._before and done >= self._tenth:
            self._before = _peak()

    @property
    def grown(self) -> int:
        """Kilobytes that it has grown by."""
        return _peak() - self._before

    @property
    def is_flat(self) -> bool:
        """Whether it has grown by no more than it may."""
        return self.grown <= _GROWTH


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
