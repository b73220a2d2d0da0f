"""Reads settings from environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .mistakes import Mistake, raise_all

__all__ = ["PREFIX", "read_environment", "setting_of", "variable_of"]

PREFIX = "EKSPIPER_"
_DOT = "__"


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings in variables such as `EKSPIPER_HTTP__PORT`, as a table of tables.

    Names are in lower case. A value that begins like a JSON list or object is read as JSON;
    any other is text.

    Raises:
        ConfigError: a value looks like JSON and is none, or a key is both a value and a table.
    """
    found: dict[str, Any] = {}
    mistakes = []
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(PREFIX):
            continue
        path = tuple(setting_of(name).split("."))
        try:
            value = json.loads(text) if text.lstrip()[:1] in ("[", "{") else text
        except ValueError as error:
            mistakes.append(Mistake(path, f"is not JSON, although it begins so: {error}", name))
            continue
        if not _put(found, path, value):
            mistakes.append(Mistake(path, "another variable gives a value to the table", name))
    raise_all(mistakes)
    return found


def variable_of(path: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    """The variable that the setting `path`, or a table around it, comes from; None without one."""
    names = {name.upper(): name for name in environ}
    for length in range(len(path), 0, -1):
        name = names.get(PREFIX + _DOT.join(path[:length]).upper())
        if name is not None:
            return name
    return None


def setting_of(variable: str) -> str:
    """The setting that a variable holds: `EKSPIPER_HTTP__PORT` is `http.port`."""
    return variable[len(PREFIX) :].lower().replace(_DOT, ".")


def _put(found: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Set the value at `path`; whether that was possible."""
    table = found
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            return False
    table[path[-1]] = value
    return True
