"""Puts the configuration together: command line over environment over file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

from ekspiper.core import ConfigError

from ..networks import find_network
from .collectors import CollectorTable
from .mistakes import Mistake, Mistakes, mistakes_of, raise_all
from .settings import Settings

__all__ = ["collector_tables", "dead_letter_table", "load_settings"]


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """The validated configuration.

    Args:
        file: a TOML file.
        overrides: what the command line says; None means that it says nothing.

    Raises:
        ConfigError: every mistake, one a line, with file, line and key.
    """
    text, content = _read(file)
    given = {key: value for key, value in overrides.items() if value is not None}
    name = str(file) if file else ""
    try:
        settings = _combined(content, given)
    except ValidationError as error:
        seen = {**content, **given}
        found = [*mistakes_of(error, Settings), *_mistakes_in(seen)]
        raise Mistakes(found, file=name, text=text) from None
    except SettingsError as error:
        raise ConfigError(f"environment: {error}") from error
    raise_all(_mistakes_in(settings.model_dump()), file=name, text=text)
    return settings


def collector_tables(settings: Settings) -> list[CollectorTable]:
    """The tables of `[collectors]`, parsed."""
    return [
        CollectorTable.parse(("collectors", name), table)
        for name, table in settings.collectors.items()
    ]


def dead_letter_table(settings: Settings) -> CollectorTable | None:
    """The table `[dead_letters]`, parsed."""
    if settings.dead_letters is None:
        return None
    return CollectorTable.parse(("dead_letters",), settings.dead_letters)


def _combined(content: Mapping[str, Any], given: Mapping[str, Any]) -> Settings:
    class Combined(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, _FileSource(settings_cls, content)

    return Combined(**given)


class _FileSource(PydanticBaseSettingsSource):
    def __init__(self, settings: type[BaseSettings], content: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._content = dict(content)

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._content.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._content


def _read(file: Path | None) -> tuple[str, dict[str, Any]]:
    if file is None:
        return "", {}
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {file}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error


def _mistakes_in(content: Mapping[str, Any]) -> list[Mistake]:
    """What pydantic cannot see: names of networks and collectors, and the collectors' options.

    `content` may be wrong in other ways, which pydantic has told already.
    """
    found: list[Mistake] = []
    network = content.get("network", "sample")
    if isinstance(network, str):
        try:
            find_network(network)
        except ConfigError as error:
            found.append(Mistake(("network",), str(error)))
    tables = content.get("collectors")
    paths = [
        (("collectors", name), tables[name]) for name in tables or () if isinstance(tables, dict)
    ]
    for path, table in [*paths, (("dead_letters",), content.get("dead_letters"))]:
        if isinstance(table, dict):
            found += _mistakes_in_collector(path, table)
    return found


def _mistakes_in_collector(path: tuple[str, ...], table: Mapping[str, Any]) -> list[Mistake]:
    try:
        return list(CollectorTable.parse(path, table).check())
    except Mistakes as mistakes:
        return list(mistakes.mistakes)
