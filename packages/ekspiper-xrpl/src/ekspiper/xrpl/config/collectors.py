"""Makes collectors from tables: the keyword parameters of a collector are its options."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ekspiper.core import Collector, ConfigError, EkspiperError, Secret, registry

from .mistakes import Mistake, Mistakes, mistakes_of, raise_all
from .settings import RECORDS

__all__ = ["CollectorTable", "make_collector"]


@dataclass(frozen=True, slots=True)
class CollectorTable:
    """One table of a configuration that describes a collector.

    Args:
        path: where the table stands, for example `("collectors", "fluent")`.
        type: the collector's name in the entry-point group `ekspiper.collectors`.
        records: the kinds of records it takes.
        options: the collector's own options. In texts, `{records}`, `{network}` and `{out}` are
            filled in for each place it stands in.
    """

    path: tuple[str, ...]
    type: str
    records: tuple[str, ...]
    options: Mapping[str, Any]

    @classmethod
    def parse(cls, path: tuple[str, ...], table: Mapping[str, Any]) -> CollectorTable:
        """Split a table into the daemon's own keys and the collector's options.

        Raises:
            ConfigError: `type` is missing, or `records` names an unknown kind.
        """
        options = dict(table)
        kind = options.pop("type", None)
        records = options.pop("records", list(RECORDS))
        records = [records] if isinstance(records, str) else records
        mistakes = []
        if not isinstance(kind, str):
            known = ", ".join(sorted(registry.known("collectors")))
            mistakes.append(Mistake((*path, "type"), f"names the collector; known: {known}"))
        unknown = [each for each in records if each not in RECORDS]
        if unknown:
            what = f"no kind of record is called {unknown[0]!r}; known: {', '.join(RECORDS)}"
            mistakes.append(Mistake((*path, "records"), what))
        raise_all(mistakes)
        return cls(path, str(kind), tuple(records), options)

    def check(self) -> Iterator[Mistake]:
        """Everything that is wrong with the options, without making the collector."""
        try:
            _validated(self, {"records": self.records[0], "network": "network", "out": "out"})
        except Mistakes as found:
            yield from found.mistakes
        except EkspiperError as error:
            yield Mistake((*self.path, "type"), str(error))


def make_collector(table: CollectorTable, *, records: str, **places: str) -> Collector[Any]:
    """The collector that a table describes, for one kind of records.

    Args:
        records: the kind of records.
        places: what `{network}` and `{out}` stand for.

    Raises:
        ConfigError: an option is wrong; names its key.
    """
    collector, options = _validated(table, {"records": records, **places})
    return collector(**options)  # type: ignore[no-any-return]


def _validated(table: CollectorTable, places: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    collector = registry.load("collectors", table.type)
    hints = _parameters(collector)
    mistakes: list[Mistake] = []
    options: dict[str, Any] = {}
    for key, value in table.options.items():
        try:
            options[key] = _fill(_secret(value, hints.get(key, (None, None))[0]), places)
        except (ConfigError, KeyError, ValueError, IndexError) as error:
            mistakes.append(Mistake((*table.path, key), _why(error)))
    if "records" in hints:
        options["records"] = places["records"]
    model: type[BaseModel] = create_model(
        table.type,
        __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True),
        **hints,  # type: ignore[call-overload]  # pydantic's own stub asks for literals
    )
    try:
        valid = model(**{key: options[key] for key in options})
    except ValidationError as error:
        mistakes += mistakes_of(error, model, below=table.path)
        raise Mistakes(mistakes) from None
    raise_all(mistakes)
    return collector, {key: getattr(valid, key) for key in options}


def _parameters(collector: Any) -> dict[str, tuple[Any, Any]]:
    """The options of a collector: type and default by name; `...` where there is none."""
    try:
        hints = typing.get_type_hints(collector.__init__)
    except NameError:  # a hint that exists for the type checker only
        hints = {}
    found = {}
    for name, parameter in list(inspect.signature(collector.__init__).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        found[name] = (hints.get(name, Any), default)
    return found


def _secret(value: Any, hint: Any) -> Any:
    """Read a secret from where the table says; plain text is refused where a secret is meant."""
    if not _takes_secret(hint):
        return value
    if (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(text := next(iter(value.values())), str)
    ):
        if "env" in value:
            return Secret.from_env(text)
        if "file" in value:
            return Secret.from_file(text)
    if isinstance(value, str) and _takes(hint, str):
        return value
    raise ConfigError('a secret is given as { env = "NAME" } or { file = "PATH" }, not as text')


def _takes_secret(hint: Any) -> bool:
    return _takes(hint, Secret)


def _takes(hint: Any, kind: type) -> bool:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_takes(each, kind) for each in typing.get_args(hint))
    return hint is kind


def _fill(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, str) and "{" in value:
        return value.format_map(places)
    if isinstance(value, list):
        return [_fill(each, places) for each in value]
    return value


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{{{error.args[0]}}} stands for nothing; known: {{records}}, {{network}}, {{out}}"
    return str(error)
