"""Where a setting comes from, for messages: a line of the file, a variable, an option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._layers import setting_of, variable_of

__all__ = ["Locations", "line_of"]

# Bare and quoted keys of TOML, as in `collectors."my sink".path`.
_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"(?P<name>{_PART}(?:\s*\.\s*{_PART})*)"
_TABLE = re.compile(rf"^\s*\[\[?\s*{_DOTTED}\s*\]\]?")
_KEY = re.compile(rf"^\s*{_DOTTED}\s*=")


class Locations:
    """Names the location that gave a setting its value.

    Args:
        file: the configuration file, if there is one.
        text: what it holds.
        environ: the environment variables.
        given: what the command line says.
    """

    def __init__(
        self, file: Path | None, text: str, environ: Mapping[str, str], given: Mapping[str, Any]
    ) -> None:
        self._file = file
        self._text = text
        self._environ = environ
        self._given = given

    def of(self, path: tuple[str, ...]) -> str:
        """The location of the setting `path`: in the highest of the layers that has it."""
        if _holds(self._given, path):
            return _option(path)
        variable = variable_of(path, self._environ)
        key = ".".join(path)
        if variable is not None:
            return variable if key == setting_of(variable) else f"{variable}: {key}"
        if self._file is None:
            return key
        number = line_of(self._text, path)
        return f"{self._file}:{number}: {key}" if number else f"{self._file}: {key}"

    def order(self, path: tuple[str, ...]) -> int:
        """What to sort by, so that mistakes come in the order of the file."""
        return line_of(self._text, path) or 0


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


def _holds(given: Any, path: tuple[str, ...]) -> bool:
    """Whether the setting `path`, or the value of a table around it, is among what is given."""
    for part in path:
        if not isinstance(given, Mapping):
            return True
        if part not in given:
            return False
        given = given[part]
    return bool(path)


def _option(path: tuple[str, ...]) -> str:
    """The option of the command line; `[node]` is spread over options of its own."""
    name = path[-1] if path[0] == "node" else path[0]
    return "--" + name.replace("_", "-")
