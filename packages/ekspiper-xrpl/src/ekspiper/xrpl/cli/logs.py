"""Log lines of the command line: to standard error, so that records can have standard output."""

from __future__ import annotations

import logging

from rich.console import Console

__all__ = ["console", "log_to_stderr"]

console = Console(stderr=True, highlight=False)
"""Standard error, as progress and logs share it."""


class _ConsoleHandler(logging.Handler):
    """Prints through rich, so that lines and a live table do not tear each other apart."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(self.format(record), markup=False, soft_wrap=True)


def log_to_stderr(level: str) -> None:
    """Send the logs of everything called `ekspiper` to standard error."""
    handler = _ConsoleHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger("ekspiper")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
