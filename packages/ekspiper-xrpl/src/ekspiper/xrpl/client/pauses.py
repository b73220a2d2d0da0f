"""When a node that did not have something is asked for it again. Pure arithmetic."""

from __future__ import annotations

__all__ = ["ask_again_in"]

_SHORTEST = 0.1
_LONGEST = 5.0


def ask_again_in(waited: float) -> float:
    """Seconds until the next question, when the answer is late by `waited` seconds already.

    A tenth of that: what comes is late by a tenth more at most, and a ledger that is missing for
    an hour costs a request every five seconds.
    """
    return min(max(_SHORTEST, waited / 10), _LONGEST)
