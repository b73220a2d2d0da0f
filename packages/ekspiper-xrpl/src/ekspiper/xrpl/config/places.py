"""Where a setting comes from, for messages: a line of the file, a variable, an option."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .environment import setting_of, variable_of
from .lines import line_of

__all__ = ["Places"]


class Places:
    """Names the place that gave a setting its value.

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
        """The place of the setting `path`: the highest of the layers that has it."""
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
