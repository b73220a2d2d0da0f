"""What fails for the moment and is tried again, and the few lines that the log gets about it."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

__all__ = ["FailureLog", "Reminder"]

log = logging.getLogger("ekspiper")


class Reminder:
    """Decides whether a line is worth saying: a new one is, and the same one once a minute.

    Knows no clock: times are arguments, in seconds.

    Args:
        every: seconds after which the same line may be said again.
    """

    __slots__ = ("_every", "_said", "_said_at")

    def __init__(self, *, every: float = 60.0) -> None:
        self._every = every
        self._said: str | None = None
        self._said_at = 0.0

    @property
    def has_spoken(self) -> bool:
        """Whether anything has been said since the last `forget`."""
        return self._said is not None

    def is_due(self, line: str, now: float) -> bool:
        """Whether to say `line` now; it then counts as said."""
        # Only the line said last counts: two that take turns are both news.
        if line == self._said and now - self._said_at < self._every:
            return False
        self._said, self._said_at = line, now
        return True

    def forget(self) -> None:
        """Whatever comes next is new."""
        self._said = None


class FailureLog:
    """`with failures:` around something that is tried again; `met` reports each failure.

    Something can be tried again many times a second. The log gets one line at the start, one for
    each new reason, one a minute, and one when it works again.

    Args:
        place: in the log, `flow/step` or `flow/step/collector`.
        patience: seconds of failing that are not worth a line.
    """

    __slots__ = ("_log", "_open", "_patience", "_place", "_reason", "_reminder", "_since")

    def __init__(self, place: str, *, patience: float = 0.0) -> None:
        self._place = place
        # For logs that are read by programs: what the line is about, apart from its text.
        about = dict(zip(("flow", "step", "collector"), place.split("/"), strict=False))
        self._log = logging.LoggerAdapter(log, about if "/" in place else {})
        self._patience = patience
        self._open = 0
        self._reason: str | None = None
        self._since = 0.0
        self._reminder = Reminder()

    @property
    def reason(self) -> str | None:
        """What went wrong last, while something is being tried again; otherwise None."""
        return self._reason if self._open else None

    def __enter__(self) -> Self:
        # Several items of a step can fail at once: it works again when the last of them does.
        if not self._open:
            self._reason = None
            self._reminder.forget()
            self._since = _now()
        self._open += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._open -= 1
        if not self._open and self._reminder.has_spoken and kind is None:
            self._log.info("%s works again after %.1f s", self._place, _now() - self._since)

    def met(self, reason: str) -> None:
        """It failed, and will be tried again."""
        self._reason = reason
        now = _now()
        if now - self._since >= self._patience and self._reminder.is_due(reason, now):
            self._log.warning("%s is failing: %s; trying again", self._place, reason)


def _now() -> float:
    return asyncio.get_running_loop().time()
