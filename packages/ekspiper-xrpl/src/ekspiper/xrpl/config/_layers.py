"""The layers of a configuration: environment variables lie over the file.

Not by pydantic-settings, although it reads the same variables: it passes over a variable that names
no setting, which here is a mistake with the variable's name; and it cannot lay a variable, whose
case is lost, over a table of the file whose name is the user's own (`[collectors.MySink]`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .mistakes import Mistake, raise_all

__all__ = ["PREFIX", "lay_over", "read_environment", "setting_of", "variable_of"]

PREFIX = "EKSPIPER_"
# Variables that choose the codec, in this process and when it is built, and the event loop: they are
# not settings.
_OTHERS = frozenset({"EKSPIPER_PURE", "EKSPIPER_COMPILED", "EKSPIPER_LOOP"})

# A shell takes no dot in the name of a variable, and single underscores are in the names of
# settings.
_DOT = "__"


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings in variables such as `EKSPIPER_HTTP__PORT`, as a table of tables.

    Names are in lower case. A value that begins like a JSON list or object is read as JSON;
    any other is text.

    Raises:
        ConfigError: a value begins like JSON and cannot be read as such, or a key is both a value
            and a table.
    """
    found: dict[str, Any] = {}
    mistakes = []
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(PREFIX) or name.upper() in _OTHERS:
            continue
        path = tuple(setting_of(name).split("."))
        try:
            # Text stays text: pydantic makes numbers and booleans of it, by the type of the
            # setting.
            value = json.loads(text) if text.lstrip()[:1] in ("[", "{") else text
        except ValueError as error:
            mistakes.append(Mistake(path, f"begins like JSON and cannot be read: {error}", name))
            continue
        if not _put(found, path, value):
            mistakes.append(Mistake(path, "another variable gives a value to the table", name))
    raise_all(mistakes)
    return found


def lay_over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """`lower`, with what `upper` says instead; tables are merged key by key.

    A key of `upper` means the key of `lower` that is spelled the same but for upper and lower
    case: environment variables do not tell them apart.
    """
    spelled = {key.lower(): key for key in lower}
    merged = dict(lower)
    for given, value in upper.items():
        key = given if given in lower else spelled.get(given.lower(), given)
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = lay_over(below, value)
        else:
            merged[key] = value
    return merged


def variable_of(path: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    """The variable that the setting `path`, or a table around it, comes from; None without one."""
    # Windows gives all names in upper case, other systems as they were written.
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
