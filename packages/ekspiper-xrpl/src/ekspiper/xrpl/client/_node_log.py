"""What is wrong with a node, counted and logged: one line each, and not again and again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from ekspiper.core import Reminder

__all__ = ["NodeLog"]

log = logging.getLogger("ekspiper.xrpl.client")


class NodeLog:
    """The log of one node. Knows no clock: times are arguments, in seconds.

    Args:
        label: the node as it may be shown.

    Attributes:
        errors: connections lost, refusals to serve and lies so far.
        problem: the last of these, in words.
    """

    def __init__(self, label: str) -> None:
        self.errors = 0
        self.problem = ""
        self._label = label
        self._log = logging.LoggerAdapter(log, {"node": label})  # for logs as JSON
        # One for each kind of line: often enough to be seen, and the log of a node that is away for
        # a day stays readable.
        self._reminders: defaultdict[str, Reminder] = defaultdict(Reminder)
        self._without: set[str] = set()
        self._down_since: float | None = None

    def note(self, problem: str) -> None:
        """Count one that is said elsewhere."""
        self.errors += 1
        self.problem = problem

    def back(self, now: float) -> None:
        """The node can be used."""
        if self._down_since is not None:
            self._log.info("%s is back after %.1f s", self._label, now - self._down_since)
            self._down_since = None

    def lost(self, why: str, now: float, *, open_requests: int, expected: bool) -> None:
        """The connection is lost.

        Args:
            expected: it was ended on purpose, and said so.
        """
        self.note(why)
        self._down_since = now
        if not expected:
            sent = "request is" if open_requests == 1 else "requests are"
            again = f", {open_requests} open {sent} sent again" if open_requests else ""
            self._log.warning("%s: %s; connecting again%s", self._label, why, again)

    def unreachable(self, why: str, now: float) -> None:
        """A connection could not be made."""
        self.note(why)
        if self._down_since is None:
            self._down_since = now
        if self._reminders["unreachable"].is_due(why, now):
            self._log.warning("cannot reach %s: %s; trying again", self._label, why)

    def unreadable(self, why: str, now: float, *, seconds: float) -> None:
        """Its `server_info` cannot be read, so it is left alone for `seconds`."""
        self.note(why)
        if self._down_since is None:
            self._down_since = now
        self._log.error("%s; the node is left alone for %.0f s", why, seconds)

    def passed_over(self, what: str, now: float) -> None:
        """Something in a message of its stream cannot be read."""
        self.note(what)
        if self._is_due("passed over", now):
            self._log.warning("%s: %s; passed over", self._label, what)

    def without_streams(self, streams: Sequence[str], error: str) -> None:
        """It does not send these streams; said once for each."""
        fresh = [stream for stream in streams if stream not in self._without]
        self._without.update(fresh)
        if fresh:
            self._log.warning("%s does not send %s: %s", self._label, ", ".join(fresh), error)

    def refused(self, why: str) -> None:
        """The node is not wanted, and is not connected to again."""
        self.note(why)
        self._log.error("%s", why)

    def not_believed(self, why: str, now: float) -> None:
        """It said something that all others contradict."""
        self.note(why)
        if self._is_due("not believed", now):
            self._log.warning("%s %s: not believed", self._label, why)

    def slow(self, what: str, age: float, now: float, *, other: str) -> None:
        """It does not answer a request, which now goes to another node as well."""
        if self._is_due("slow", now):
            self._log.warning(
                "%s has not answered %s for %.1f s: asking %s", self._label, what, age, other
            )

    def unable(self, what: str, error: str, now: float) -> None:
        """It did not answer a request; said once a minute for each error."""
        level = logging.DEBUG
        if self._is_due(f"unable: {error}", now):
            level = logging.INFO
        log.log(level, "%s cannot answer %s (%s): asking again", self._label, what, error)

    def overloaded(self, sign: str, now: float, *, before: int, after: int, say: bool) -> None:
        """The node asked for less, and its window was made smaller."""
        self.note(sign)
        if say and self._is_due("overloaded", now):
            self._log.warning(
                "%s asks for less load (%s): window %d -> %d, requests wait for it",
                self._label,
                sign,
                before,
                after,
            )

    def _is_due(self, kind: str, now: float) -> bool:
        """Whether to say it: once a minute, whatever the details are."""
        return self._reminders[kind].is_due(kind, now)
