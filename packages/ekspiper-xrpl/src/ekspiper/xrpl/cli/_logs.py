"""What the command line says on standard error: log lines, and sentences for people.

Standard output is for records. As text, a line of the log is the time, the level and the message; where
it goes to systemd's journal, which keeps the time itself, a number for the level and the message.
As JSON (`--log-format json`) each event is one object on one line:

    {"time": "...", "level": "warning", "message": "...", "node": "wss://..."}

`ledger`, `flow`, `step`, `collector` and `node` are there where the code that logs knows them: it
gives them as `extra` of the logging call, `log.info("...", extra={"ledger": 7})`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["LOG_FORMATS", "console", "counted", "fail", "is_terminal", "set_up_logs", "tell"]

LOG_FORMATS = ("text", "json")

# What an event is about, where the call says so.
_CONTEXT = ("ledger", "flow", "step", "collector", "node")

# Lines that begin so hold a path or a command.
_AS_IT_IS = ("  ", "Try next")

# The priorities of syslog. WARNING is 4 and INFO 6 there; 5, "notice", has no level in Python.
_JOURNAL_LEVELS = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_JOURNAL_DEBUG = 7

log = logging.getLogger("ekspiper")


def set_up_logs(*, level: str = "info", format: str = "text") -> None:
    """Send the logs of everything called `ekspiper` to standard error, and nothing elsewhere."""
    handler = _Handler()
    handler.setFormatter(_JsonFormatter() if format == "json" else _text_formatter())
    # Replaced, not added: this is called again when an option or the configuration changes the
    # format.
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
    # A root logger that a library has set up would print each line again.
    log.propagate = False


def is_terminal() -> bool:
    """Whether a person watches: standard error is a terminal, and takes text."""
    return sys.stderr.isatty() and not _is_json()


@cache
def console() -> Console:
    """Standard error as logs and a live view share it, so that they do not tear each other."""
    # Loaded here: `--help`, and a log that goes to a file, need none of it.
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def tell(text: str, *, style: str = "") -> None:
    """Say something to the user of the command; as JSON, it is an event like any other."""
    # A program reads it: one event a line, and no line without text.
    if _is_json():
        for line in text.splitlines():
            if line.strip():
                log.info("%s", line.strip())
    else:
        for line in text.split("\n"):
            _write(line, style=style, wraps=not line.startswith(_AS_IT_IS))


def counted(count: int, noun: str) -> str:
    """A number of things: `1 ledger`, `1,000 ledgers`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def fail(line: str) -> None:
    """Say why the command fails."""
    if _is_json():
        log.error("%s", line)
    else:
        _write(f"ekspiper: {line}", wraps=True)


def _is_json() -> bool:
    return any(isinstance(each.formatter, _JsonFormatter) for each in log.handlers)


def _write(text: str, *, style: str = "", wraps: bool = False) -> None:
    """Write one line.

    Args:
        wraps: a terminal may break it between words. Otherwise it is left to the terminal, so that a path or a
            command can be copied in one piece.
    """
    if sys.stderr.isatty():  # rich is not loaded where nobody sees its colours
        console().print(text, markup=False, soft_wrap=not wraps, style=style)
    else:
        print(text, file=sys.stderr)


def _text_formatter() -> logging.Formatter:
    """At a terminal the time of day is enough, and leaves room for the message."""
    if _is_journal():
        return _JournalFormatter()
    if sys.stderr.isatty():
        return logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")


def _is_journal() -> bool:
    """Whether systemd has connected standard error to its journal (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    if not inode:
        return False
    try:
        there = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # a stream without a file
        return False
    return (device, inode) == (str(there.st_dev), str(there.st_ino))


# Through `_write`, so that a line goes above the live view and not through it.
class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write(self.format(record))


class _JournalFormatter(logging.Formatter):
    """A level as the journal counts (sd-daemon(3)), for `journalctl --priority`, and the message."""

    def format(self, record: logging.LogRecord) -> str:
        number = next(
            (number for level, number in _JOURNAL_LEVELS if record.levelno >= level), _JOURNAL_DEBUG
        )
        # Each line is a separate event there.
        return "\n".join(f"<{number}>{line}" for line in super().format(record).splitlines())


class _JsonFormatter(logging.Formatter):
    """One object a line. Keys are always in the same order, and only those that say something."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event: dict[str, Any] = {
            # The form that most readers of logs know without being configured.
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        for name in _CONTEXT:
            if (value := getattr(record, name, None)) is not None:
                event[name] = value
        # Of the pipelines here, a position that is a number is the index of a ledger.
        position = getattr(record, "position", None)
        if isinstance(position, int):
            # The call's own `ledger` wins: it knows which one it speaks about.
            event.setdefault("ledger", position)
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)
