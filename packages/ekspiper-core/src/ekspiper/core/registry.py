"""Finds components by name through entry points, so that a user's package plugs in like ours."""

from __future__ import annotations

import difflib
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from .errors import ConfigError, MissingExtra, UnknownComponent

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Kind", "known", "load"]

Kind = Literal["collectors", "instruments", "processors", "sources"]


def known(kind: Kind) -> dict[str, EntryPoint]:
    """The installed components of one kind, by name."""
    return dict(_found(kind, tuple(sys.path)))


@lru_cache
def _found(kind: Kind, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """What is installed on a search path; reading the metadata of all packages takes a while."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"ekspiper.{kind}")}


def load(kind: Kind, name: str) -> Any:
    """The class registered under `name`.

    Raises:
        UnknownComponent: there is nothing of that name; lists the known ones, nearest first.
        MissingExtra: it is known, but one of its dependencies is not installed.
    """
    if name not in known(kind):
        _found.cache_clear()  # it may have been installed since, for example in a notebook
    points = known(kind)
    if name not in points:
        raise UnknownComponent(_unknown(kind, name, list(points)))
    try:
        return points[name].load()
    except MissingExtra:
        raise
    except (AttributeError, ImportError) as error:
        raise ConfigError(f"the {kind[:-1]} {name!r} cannot be loaded: {error}") from error


def _unknown(kind: Kind, name: str, names: list[str]) -> str:
    nearest = difflib.get_close_matches(name, names, n=len(names) or 1, cutoff=0.0)
    listed = ", ".join(nearest) if nearest else "none: is ekspiper-sinks installed?"
    return f"no {kind[:-1]} is called {name!r}; known: {listed}"
