"""A string that never shows itself."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import ConfigError

__all__ = ["Secret"]


class Secret:
    """A password or key. Only `reveal()` gives its text; printing it shows `***`.

    A collector that needs one annotates the parameter with this type. A configuration file has
    `{ env = "NAME" }` or `{ file = "PATH" }` in its place, never the text itself.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def from_env(cls, name: str) -> Secret:
        """Read it from the environment variable `name`."""
        text = os.environ.get(name)
        if text is None:
            raise ConfigError(f"the environment variable {name} is not set; it holds a secret")
        return cls(text)

    @classmethod
    def from_file(cls, path: str | Path) -> Secret:
        """Read it from a file; a newline at the end does not count."""
        try:
            return cls(Path(path).read_text(encoding="utf-8").removesuffix("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the secret in {path}: {error}") from error

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__
