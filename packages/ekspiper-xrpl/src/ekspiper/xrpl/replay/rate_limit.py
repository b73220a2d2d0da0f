"""How many requests a node answers in a second."""

from __future__ import annotations

__all__ = ["RateLimit"]


class RateLimit:
    """A bucket of tokens: one second's worth may be used at once.

    Args:
        rate: requests a second; 0: no limit.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._filled: float | None = None

    def allows(self, now: float) -> bool:
        """Whether a request at this time (seconds of any clock) is answered; counts it if so."""
        if not self._rate:
            return True
        since = 0.0 if self._filled is None else now - self._filled
        self._filled = now
        self._tokens = min(self._rate, self._tokens + since * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
