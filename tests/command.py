"""The command line in the test's own process, for tests of what its commands do."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from ekspiper.xrpl.cli import main

__all__ = ["Done", "ekspiper"]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


def ekspiper(*arguments: object) -> Done:
    """Run `ekspiper` with these arguments, and leave the log as it was."""
    log = logging.getLogger("ekspiper")
    before = log.handlers[:], log.level, log.propagate
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    code: object = None
    try:
        given = patch.object(sys, "argv", ["ekspiper", *map(str, arguments)])
        with redirect_stdout(out), redirect_stderr(err), given:
            main()
    except SystemExit as ended:
        code = ended.code
    finally:
        log.handlers[:], log.propagate = before[0], before[2]
        log.setLevel(before[1])
    assert isinstance(code, int)
    return Done(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
