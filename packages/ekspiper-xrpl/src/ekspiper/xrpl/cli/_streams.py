"""Standard output and standard error, when their readers are slow, full or gone.

One rule for all commands. What goes to standard error may be lost: a log that cannot be written
stops nothing. When the reader of standard output leaves, as `head` does when it has seen enough,
the rest is not printed, and the exit code is what it would have been.
"""

from __future__ import annotations

import io
import json
import os
import select
import sys
from typing import Any, TextIO, cast

from ._logs import tell

__all__ = ["StandardError", "finish_output", "say", "say_json"]

_PIECE = select.PIPE_BUF  # a pipe that is ready takes this much without blocking
# Seconds to wait for a reader that is only slow, such as a terminal that scrolls.
_WAIT = 0.2


class StandardError(io.TextIOBase):
    """Standard error that never raises and never blocks for long.

    A full disk, a reader that has gone, and a terminal that was paused with Ctrl-S cost the lines
    that cannot be written, not the work that writes them. Where lines are missing, it says so.

    Args:
        stream: the one that Python opened.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        # It goes out with the next line that can be written, which is where the others are missing.
        note = f"\nekspiper: {self._lost:,} pieces of this log are lost here\n"
        whole = note + text if self._lost else text
        if self._written(whole):
            self._lost = 0
        else:
            self._lost += 1
        return len(text)

    def flush(self) -> None:
        """Nothing waits: `write` hands everything to the system."""

    def fileno(self) -> int:
        """The descriptor of the stream behind."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """Always."""
        return True

    def _written(self, text: str) -> bool:
        try:
            descriptor = self._stream.fileno()
        # A stream without a descriptor cannot block either.
        except (AttributeError, OSError, ValueError):  # captured, as in a test
            self._stream.write(text)
            return True
        # An encoding such as ASCII may lack a letter of a path; the line is written all the same.
        left = memoryview(text.encode(self.encoding, errors="backslashreplace"))
        try:
            while left:
                if not self._is_ready(descriptor):
                    return False
                # In pieces that fit: `poll` says that there is room, not how much, and a longer
                # write would block.
                left = left[os.write(descriptor, left[:_PIECE]) :]
        except OSError:
            return False
        return True

    def _is_ready(self, descriptor: int) -> bool:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        # Once a line was lost nothing is waited for: a reader that is gone must not slow down every
        # line.
        return bool(poll.poll(0 if self._lost else 1000 * _WAIT))


def say(text: str | bytes = "", *, end: str = "\n") -> None:
    """Print to standard output; what a reader who has left does not see is not printed."""
    try:
        if isinstance(text, bytes):
            # Text that was printed before must come before these bytes.
            sys.stdout.flush()
            sys.stdout.buffer.write(text)
        else:
            sys.stdout.write(text + end)
        # At once: a reader such as `head` or `jq` should see each record when it is there.
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_it_unread()
    except OSError as error:
        _leave_it_unread()
        from ekspiper.core import EkspiperError

        why = error.strerror or error
        raise EkspiperError(f"cannot write to standard output: {why}") from error


def say_json(content: Any, *, beside_records: bool = False) -> None:
    """Print a report as one JSON object, or an array of them, on one line.

    Args:
        beside_records: records go to standard output, so the report goes to standard error.
    """
    line = json.dumps(content, ensure_ascii=False, default=str)
    (tell if beside_records else say)(line)


def finish_output() -> str | None:
    """Flush standard output; why that failed, unless only its reader has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_it_unread()
    except OSError as error:
        _leave_it_unread()
        return error.strerror or str(error)
    return None


def _leave_it_unread() -> None:
    """From here on standard output goes nowhere, so that Python has nothing to say at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    # The descriptor and not `sys.stdout`: Python flushes the stream once more when it ends.
    os.dup2(nowhere, cast("TextIO", sys.__stdout__).fileno())
    os.close(nowhere)
