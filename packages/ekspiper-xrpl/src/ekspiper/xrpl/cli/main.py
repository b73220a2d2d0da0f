"""Where the console script begins, before anything that takes time to load."""

from __future__ import annotations

import gc
import os
import signal
import sys

from ._streams import StandardError

__all__ = ["collect_garbage_rarely", "main"]

_NEW_OBJECTS = 50_000


def main() -> None:
    """Load the command line, run it, and exit with its code.

    An interrupt while it loads ends it without a word.
    """
    _open_what_is_closed()
    # Without Python's handler, whose traceback from the middle of an import says nothing.
    # Importing takes a moment, in which a user may well press Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from ._app import run
    except ModuleNotFoundError as error:
        # A module of ours that is missing is a fault in the package, and needs its traceback.
        if error.name is None or error.name.partition(".")[0] == "ekspiper":
            raise
        print(
            f"ekspiper: the command line needs {error.name}, which is not installed: "
            "pip install 'ekspiper-xrpl[daemon]'",
            file=sys.stderr,
        )
        sys.exit(2)
    finally:
        signal.signal(signal.SIGINT, before)
    given = sys.stderr
    # A journal that is full or a terminal that is paused must not stop the feed.
    sys.stderr = StandardError(given)
    try:
        code = run(sys.argv[1:])
    finally:
        sys.stderr = given
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Put /dev/null where a standard stream is closed (`2>&-`).

    Otherwise the next file that is opened gets the stream's number, and with it what a library
    prints.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def collect_garbage_rarely() -> None:
    """Leave what was imported alone, and look after 50,000 new objects instead of 700.

    A record is some hundred objects without a cycle, which go when it is written. With the usual
    threshold every other record makes Python walk all that wait in queues: a sixth of all time.
    """
    # What was imported stays to the end, and is not walked again; nor now, which would take 25 ms
    # and find nothing.
    gc.freeze()
    # Records are trees without cycles, which reference counts free. Python's usual 700 would walk
    # them for nothing.
    gc.set_threshold(_NEW_OBJECTS, 20, 100)
