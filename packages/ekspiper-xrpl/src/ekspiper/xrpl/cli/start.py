"""Where the console script begins, before anything that takes time to load."""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Load the command line and run it. An interrupt while it loads ends it without a word."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from .app import main as run
    finally:
        signal.signal(signal.SIGINT, before)
    run()
