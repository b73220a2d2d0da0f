"""Puts the configuration together: command line over environment over file."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ekspiper.core import ConfigError
from ekspiper.xrpl.networks import find_network

from ._layers import lay_over, read_environment
from ._locations import Locations
from .collector_table import CollectorTable
from .mistakes import Mistake, Mistakes, mistakes_of
from .settings import Settings, joined

__all__ = ["load_settings"]


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """The validated configuration.

    Args:
        file: a TOML file.
        overrides: what the command line says; None means that it says nothing.

    Raises:
        ConfigError: every mistake, one a line, with file and line, variable, or option.
    """
    text, content = _read(file)
    given = {key: value for key, value in overrides.items() if value is not None}
    content = lay_over(lay_over(content, read_environment(os.environ)), given)
    # Before pydantic, whose error ends the validation: one run names all mistakes.
    mistakes = _mistakes_in(content)
    try:
        settings = Settings(**content)
    except ValidationError as error:
        mistakes = [*mistakes_of(error, Settings), *mistakes]
    if mistakes:
        locations = Locations(file, text, os.environ, given)
        ordered = sorted(mistakes, key=lambda each: locations.order(each.path))
        raise Mistakes(ordered, locate=locations.of)
    return settings


def _read(file: Path | None) -> tuple[str, dict[str, Any]]:
    if file is None:
        return "", {}
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors begin with a byte-order mark
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"cannot read the configuration {file}: it is not text in UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        # tomllib gives the line in the text of its error only, before Python 3.14.
        line = re.search(r"at line (\d+)", str(error))
        where = f"{file}:{line[1]}" if line else str(file)
        raise ConfigError(f"{where}: not TOML: {error}") from error


def _mistakes_in(content: Mapping[str, Any]) -> list[Mistake]:
    """What pydantic cannot see: names of networks and collectors, and the collectors' options.

    `content` may be wrong in other ways, which pydantic tells.
    """
    found: list[Mistake] = []
    network = content.get("network", "sample")
    try:
        if isinstance(network, str | list):
            find_network(joined(network))
    except ConfigError as error:
        found.append(Mistake(("network",), str(error)))
    first, last = _number(content.get("from")), _number(content.get("until"))
    if first is not None and last is not None and last < first:
        found.append(Mistake(("until",), f"{last} is before the first ledger, {first}"))
    if content.get("out") is not None and content.get("state") is not None:
        what = f"give out or state, not both: with out the state is there, in {content['out']}; "
        found.append(Mistake(("state",), f"{what}without it no files are written"))
    tables = content.get("collectors")
    named = tables.items() if isinstance(tables, dict) else ()
    found += _mistakes_in_names(dict(named), has_files=content.get("out") is not None)
    paths = [(("collectors", name), table) for name, table in named]
    for path, table in [*paths, (("dead_letters",), content.get("dead_letters"))]:
        if isinstance(table, dict):
            found += _mistakes_in_collector(path, table)
    # Tables with mistakes cannot be parsed, so shared files are looked for when there are none.
    return found or list(_shared_paths(paths))


def _mistakes_in_names(tables: Iterable[str], *, has_files: bool) -> Iterator[Mistake]:
    for name in tables:
        if "/" in name:
            yield Mistake(("collectors", name), "a name has no / in it")
        if name == "files" and has_files:
            yield Mistake(("collectors", name), "the name of what writes to out; take another")


def _shared_paths(paths: Iterable[tuple[tuple[str, ...], Any]]) -> Iterator[Mistake]:
    """Files that two collectors would write, where collectors have an option `path`."""
    taken: dict[str, str] = {}
    for at, content in paths:
        if not isinstance(content, dict) or "path" not in content:
            continue
        table = CollectorTable.parse(at, content)
        for records in table.records:
            path = table.filled(records=records)["path"]
            if path in taken:
                what = f"{path} is for {taken[path]} already; "
                what += "{records} in a path stands for the kind of records"
                yield Mistake((*at, "path"), what)
            taken[str(path)] = f"{records} of {'.'.join(at)}"


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) or str(value).isdigit() else None


def _mistakes_in_collector(path: tuple[str, ...], table: Mapping[str, Any]) -> list[Mistake]:
    try:
        return list(CollectorTable.parse(path, table).check())
    except Mistakes as mistakes:
        return list(mistakes.mistakes)
