"""Where a key stands in a TOML file, for messages that name the line."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["line_of"]

_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"(?P<name>{_PART}(?:\s*\.\s*{_PART})*)"
_TABLE = re.compile(rf"^\s*\[\[?\s*{_DOTTED}\s*\]\]?")
_KEY = re.compile(rf"^\s*{_DOTTED}\s*=")


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line (from 1) of the key `path`, or of the nearest table around it; None if neither.

    It reads keys and table headers line by line, which is enough for a message; the values are
    parsed by tomllib.
    """
    best: tuple[int, int] | None = None
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = here = _parts(header["name"])
        elif key := _KEY.match(line):
            here = table + _parts(key["name"])
        else:
            continue
        depth = min(len(here), len(path))
        # `[a.b]` is also the line of `a`, where nothing else is.
        if here[:depth] == list(path[:depth]) and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]
