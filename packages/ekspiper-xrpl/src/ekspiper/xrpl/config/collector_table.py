"""Makes collectors from tables: the keyword parameters of a collector are its options."""

from __future__ import annotations

import inspect
import re
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ekspiper.core import Collector, ConfigError, EkspiperError, Secret, registry
from ekspiper.xrpl.schema import schema_for

from ._table import Table, pydantic, takes
from .mistakes import Mistake, Mistakes, mistakes_of, raise_all

__all__ = ["RECORDS", "CollectorTable"]

RECORDS = ("transactions", "ledgers", "book_offers", "amms")
"""The kinds of records that the daemon's flows end with."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class _Options(Table):
    # A collector may take objects that pydantic does not know, such as a `pyarrow.Schema`.
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)


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
        records = options.pop("records", None)
        records = list(_accepted(kind)) if records is None else records
        records = [records] if isinstance(records, str) else records
        mistakes = list(_mistakes_in_records((*path, "records"), records))
        if not isinstance(kind, str):
            known = ", ".join(sorted(registry.known("collectors")))
            mistakes.append(Mistake((*path, "type"), f"names the collector; known: {known}"))
        # The type is looked up only where something else is wrong: `check` looks it up otherwise.
        elif mistakes and (unknown := _unknown(kind)):
            mistakes.append(Mistake((*path, "type"), unknown))
        raise_all(mistakes)
        return cls(path, str(kind), tuple(records), options)

    def filled(self, **values: str) -> dict[str, Any]:
        """The options with `{records}` and the like filled in, where the value is known."""
        return {key: _fill(value, _Partly(values)) for key, value in self.options.items()}

    def make(self, *, records: str, **values: str) -> Collector[Any]:
        """The collector, for one kind of records. It opens nothing before it is used.

        Args:
            records: the kind of records.
            values: what `{network}` and `{out}` stand for.

        Raises:
            ConfigError: an option is wrong; names its key.
        """
        collector, options = _validated(self, {"records": records, **values})
        try:
            return collector(**options)  # type: ignore[no-any-return]
        except (ConfigError, TypeError, ValueError) as error:
            raise Mistakes([Mistake(self.path, str(error))]) from error

    def beside(self, lane: str) -> CollectorTable:
        """The same collector for a second run, beside the one that it is configured for.

        A collector that knows lanes gets this one. A file or a dataset belongs to one run, so the
        lane gets another, whose name has the lane in it: `transactions.jsonl` becomes
        `transactions-LANE.jsonl`.

        Raises:
            ConfigError: the collector is not known.
        """
        if "lane" in _parameters(registry.load("collectors", self.type)):
            return replace(self, options={**self.options, "lane": lane})
        path = self.options.get("path")
        if not isinstance(path, str):
            return self
        folder, slash, name = path.rpartition("/")
        stem, dot, endings = name.partition(".")
        return replace(
            self, options={**self.options, "path": f"{folder}{slash}{stem}-{lane}{dot}{endings}"}
        )

    def check(self) -> Iterator[Mistake]:
        """Everything that is wrong with the options.

        Only the collector itself knows what it refuses, so one is made, for each kind of records:
        its schema is another one each time.
        """
        for records in self.records:
            try:
                self.make(records=records, network="network", out="out")
            except Mistakes as found:
                yield from found.mistakes
            except EkspiperError as error:
                yield Mistake((*self.path, "type"), str(error))


class _Partly(dict[str, str]):
    """Values of placeholders, of which those that are not known stay as they are."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _unknown(kind: str) -> str:
    """What is wrong with the name of a collector; nothing where it is known."""
    try:
        registry.load("collectors", kind)
    except EkspiperError as error:
        return str(error)
    return ""


def _mistakes_in_records(path: tuple[str, ...], records: Any) -> Iterator[Mistake]:
    known = ", ".join(RECORDS)
    if not isinstance(records, list) or not all(isinstance(each, str) for each in records):
        yield Mistake(path, f"must be a list of texts; known: {known}")
    elif not records:
        yield Mistake(path, f"names no kind of record; known: {known}")
    else:
        for each in records:
            if each not in RECORDS:
                yield Mistake(path, f"no kind of record is called {each!r}; known: {known}")


def _validated(table: CollectorTable, values: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    collector = registry.load("collectors", table.type)
    hints = _parameters(collector)
    mistakes: list[Mistake] = []
    options: dict[str, Any] = {}
    for key, value in table.options.items():
        try:
            options[key] = _fill(_secret(value, hints.get(key, (None, None))[0]), values)
        except ConfigError as error:
            mistakes.append(Mistake((*table.path, key), str(error)))
    if "records" in hints:
        options["records"] = values["records"]
    # A sink with columns has better ones with the schema of the records than with one that it finds
    # by looking at them.
    if "schema" in hints and "schema" not in options:
        schema = schema_for(collector, values["records"])
        options |= {} if schema is None else {"schema": schema}
    with warnings.catch_warnings():
        # An option may be called as a method of pydantic's models is: `schema`.
        warnings.filterwarnings("ignore", message=".*shadows an attribute in parent")
        model: type[pydantic.BaseModel] = pydantic.create_model(
            table.type,
            __base__=_Options,
            **hints,  # type: ignore[call-overload]  # pydantic's own stub asks for literals
        )
    # An option that could not be filled in is missing below, and is not reported twice.
    known = {mistake.path for mistake in mistakes}
    try:
        valid = model(**options)
    except pydantic.ValidationError as error:
        found = mistakes_of(error, model, below=table.path)
        mistakes += (mistake for mistake in found if mistake.path not in known)
        raise Mistakes(mistakes) from None
    raise_all(mistakes)
    return collector, {key: getattr(valid, key) for key in options}


def _parameters(collector: Any) -> dict[str, tuple[Any, Any]]:
    """The options of a collector: type and default by name; `...` where there is none."""
    found = {}
    for name, parameter in list(inspect.signature(collector.__init__).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        found[name] = (_hint(collector.__init__, name), default)
    return found


def _hint(function: Any, name: str) -> Any:
    """The type of a parameter; Any for one that only the type checker can resolve."""
    # One annotation at a time: a name that is only imported for type checkers spoils all of them
    # otherwise.
    alone = types.SimpleNamespace(__annotations__={name: function.__annotations__.get(name, Any)})
    try:
        return typing.get_type_hints(alone, function.__globals__)[name]
    except NameError:
        return Any


def _accepted(kind: Any) -> list[str]:
    """The kinds of records that a collector takes when the table does not say."""
    if not isinstance(kind, str) or kind not in registry.known("collectors"):
        return list(RECORDS)
    try:
        hint = _parameters(registry.load("collectors", kind)).get("records", (None, None))[0]
    except EkspiperError:  # `check` says so, with the key
        return list(RECORDS)
    literals = [each for each in (hint, *typing.get_args(hint)) if _is_literal(each)]
    if not literals:
        return list(RECORDS)
    return [each for each in RECORDS if each in typing.get_args(literals[0])]


def _is_literal(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Literal


def _secret(value: Any, hint: Any) -> Any:
    """Read a secret from where the table says; plain text is refused where a secret is meant."""
    if not takes(hint, Secret):
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
    # The option takes plain text too, and its collector judges it.
    if isinstance(value, str) and takes(hint, str):
        return value
    raise ConfigError('a secret is given as { env = "NAME" } or { file = "PATH" }, not as text')


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: _filled_in(found[1], values), value)
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    return value


def _filled_in(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        known = ", ".join(f"{{{each}}}" for each in values)
        raise ConfigError(f"{{{name}}} stands for nothing; known: {known}")
    return values[name]
