"""What pydantic found wrong, one line a mistake, in the user's words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from ekspiper.core import ConfigError

from .lines import line_of

__all__ = ["Mistake", "Mistakes", "mistakes_of", "raise_all"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: the key, as a path from the top, and what is wrong there."""

    path: tuple[str, ...]
    what: str

    def line(self, file: str, text: str) -> str:
        """The mistake with its key, and its place in `file` where it stands there."""
        key = ".".join(self.path) or "configuration"
        number = line_of(text, self.path) if text else None
        where = f"{file}:{number}: " if number else f"{file}: " if file else ""
        return f"{where}{key}: {self.what}"


class Mistakes(ConfigError):
    """All mistakes of a configuration: one line each."""

    def __init__(self, mistakes: Iterable[Mistake], *, file: str = "", text: str = "") -> None:
        self.mistakes = tuple(dict.fromkeys(mistakes))
        super().__init__("\n".join(mistake.line(file, text) for mistake in self.mistakes))


def mistakes_of(
    error: ValidationError, model: type[BaseModel], *, below: tuple[str, ...] = ()
) -> Iterator[Mistake]:
    """The mistakes in a pydantic error; unknown keys come with the known ones, nearest first."""
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            what = f"unknown key; known here: {_nearest(path, model)}"
        else:
            what = detail["msg"].removeprefix("Value error, ")
            what = what[:1].lower() + what[1:]
        yield Mistake(below + _without_branches(path, model), what)


def raise_all(mistakes: Iterable[Mistake], *, file: str = "", text: str = "") -> None:
    """Raise `Mistakes` with all of them; nothing when there is none."""
    found = tuple(mistakes)
    if found:
        raise Mistakes(found, file=file, text=text)


def _nearest(path: Sequence[str], model: type[BaseModel]) -> str:
    known = _keys(path[:-1], model)
    return ", ".join(difflib.get_close_matches(path[-1], known, n=len(known) or 1, cutoff=0.0))


def _keys(path: Sequence[str], model: type[BaseModel]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _without_branches(path: tuple[str, ...], model: type[BaseModel]) -> tuple[str, ...]:
    """The path without the names that pydantic gives to the members of a union."""
    return tuple(
        part for part in path if "[" not in part and part not in ("int", "str", "float", "bool")
    )
