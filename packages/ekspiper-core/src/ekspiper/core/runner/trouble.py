"""What a place of a pipeline fails with for the moment, and the few lines that the log gets of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

__all__ = ["Trouble"]

log = logging.getLogger("ekspiper")

_SAY_AGAIN = 60.0


class Trouble:
    """`with trouble:` around what is tried again; `met` tells of each failure.

    Trying again happens many times a second, which is not worth a line each time: there is one at
    the start, one for another reason, one a minute, and one when it works again.

    Args:
        place: in the log, `flow/step` or `flow/step/collector`.
        patience: seconds of failing that are not worth a line either.
    """

    __slots__ = ("_open", "_patience", "_place", "_reason", "_said", "_said_at", "_since")

    def __init__(self, place: str, *, patience: float = 0.0) -> None:
        self._place = place
        self._patience = patience
        self._open = 0
        self._reason: str | None = None
        self._since = 0.0
        self._said: str | None = None
        self._said_at = 0.0

    @property
    def reason(self) -> str | None:
        """What went wrong last, while there is something that is tried again."""
        return self._reason if self._open else None

    def __enter__(self) -> Self:
        if not self._open:
            self._reason = self._said = None
            self._since = _now()
        self._open += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._open -= 1
        if not self._open and self._said is not None and kind is None:
            log.info("%s works again after %.1f s", self._place, _now() - self._since)

    def met(self, reason: str) -> None:
        """It failed, and will be tried again."""
        self._reason = reason
        now = _now()
        if now - self._since < self._patience:
            return
        if reason != self._said or now - self._said_at >= _SAY_AGAIN:
            self._said, self._said_at = reason, now
            log.warning("%s is failing: %s; trying again", self._place, reason)


def _now() -> float:
    return asyncio.get_running_loop().time()
