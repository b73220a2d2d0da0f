"""What is wrong with a configuration, one line a mistake, in the user's words."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from ekspiper.core import ConfigError

__all__ = ["Mistake", "Mistakes", "mistakes_of", "raise_all"]

_MESSAGES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be a path, as text",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
}
_NUMERIC = ("finite", "float", "greater", "int", "less")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Args:
        path: the key, as a path from the top.
        what: what is wrong there.
        where: what was read when it was found; empty: to be found out from the path.
    """

    path: tuple[str, ...]
    what: str
    where: str = ""

    def line(self, locate: Callable[[tuple[str, ...]], str]) -> str:
        """The mistake with its place, as `locate` names it."""
        return f"{self.where or locate(self.path)}: {self.what}"


class Mistakes(ConfigError):
    """All mistakes of a configuration: one line each.

    Args:
        locate: names the place of a key: file, line and key, a variable, or an option.
    """

    def __init__(
        self,
        mistakes: Iterable[Mistake],
        *,
        locate: Callable[[tuple[str, ...]], str] = ".".join,
    ) -> None:
        # A collector is made once for each kind of records, and says the same each time.
        self.mistakes = tuple(dict.fromkeys(mistakes))
        self._locate = locate
        super().__init__("\n".join(mistake.line(locate) for mistake in self.mistakes))

    def as_json(self) -> list[dict[str, Any]]:
        """The mistakes for programs: place, key and what is wrong."""
        return [
            {
                "where": mistake.where or self._locate(mistake.path),
                "key": ".".join(mistake.path),
                "what": mistake.what,
            }
            for mistake in self.mistakes
        ]


def mistakes_of(
    error: ValidationError, model: type[BaseModel], *, below: tuple[str, ...] = ()
) -> Iterator[Mistake]:
    """The mistakes in a pydantic error; unknown keys come with the known ones, nearest first.

    The values themselves are never told: a secret may stand in the wrong place.
    """
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            what = f"unknown key; {_known_instead(path, model)}"
        else:
            what = _message(detail["type"], detail["msg"], detail.get("ctx", {}))
            what += _unit(detail["type"], path, model)
        yield Mistake(below + _without_branches(path), what)


def raise_all(mistakes: Iterable[Mistake]) -> None:
    """Raise `Mistakes` with all of them; nothing when there is none."""
    found = tuple(mistakes)
    if found:
        raise Mistakes(found)


def _message(kind: str, message: str, context: dict[str, Any]) -> str:
    if kind in _MESSAGES:
        numbers = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
        return _MESSAGES[kind].format(**numbers)
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _known_instead(path: Sequence[str], model: type[BaseModel]) -> str:
    """What may have been meant, and all that there is, nearest first."""
    known = _keys(path[:-1], model)
    if not known:
        return "none is known here"
    # All of them, ordered by likeness; `is_close` then tells whether the first one is a good guess.
    nearest = difflib.get_close_matches(path[-1], known, n=len(known), cutoff=0.0)
    is_close = difflib.get_close_matches(path[-1], known, n=1)
    meant = f"did you mean {nearest[0]}? " if is_close else ""
    return f"{meant}known here: {', '.join(nearest)}"


def _keys(path: Sequence[str], model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in _table(path, model).model_fields.items()]


def _unit(kind: str, path: Sequence[str], model: type[BaseModel]) -> str:
    """The unit of the number that is wrong, as the end of the message; nothing without one."""
    path = _without_branches(tuple(path))
    field = _table(path[:-1], model).model_fields.get(path[-1]) if path else None
    extra = field.json_schema_extra if field else None
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return f" ({unit})" if unit and kind.startswith(_NUMERIC) else ""


def _table(path: Sequence[str], model: type[BaseModel]) -> type[BaseModel]:
    """The model of the table at `path`, as far as it is known."""
    for part in path:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return model


def _without_branches(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path without the names that pydantic gives to the members of a union."""
    return tuple(
        part
        for part in path
        if "[" not in part and part not in ("int", "str", "float", "bool", "is-instance")
    )
