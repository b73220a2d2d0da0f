"""Reads plain values of options as they stand, so that Typer does not load pydantic for them.

Newer versions of Typer read every value through pydantic, also one that was not given. To load it and to make
its validators takes 0.1 s, a quarter of a short command. What is not plain, above all what is
wrong, goes to Typer as before, and so the messages are Typer's.
"""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

__all__ = ["read_plain_values"]

_NUMBERS = {int: re.compile("[0-9]+"), float: re.compile("[0-9]+([.][0-9]+)?")}


def read_plain_values(parameters: list[Any]) -> list[Any]:
    """The same parameters, which read plain values by themselves; in older Typers they always did."""
    for each in parameters:
        if hasattr(each, "get_runtime_param") and "get_runtime_param" not in vars(each):
            reader = _Reader(each, each.get_runtime_param)
            each.get_runtime_param = lambda reader=reader: reader
    return parameters


class _NotPlain(Exception):
    """Typer must read this value."""


class _Reader:
    """Stands where Typer has what reads a parameter's values."""

    def __init__(self, parameter: Any, typers: Any) -> None:
        self._parameter = parameter
        self._typers = typers

    def coerce(self, value: Any, **context: Any) -> Any:
        """Called by Typer."""
        try:
            return self._read(value)
        except (_NotPlain, ValueError):
            return self._typers().coerce(value, **context)

    def _read(self, value: Any) -> Any:
        descriptor = self._parameter.type_descriptor
        kind, declared = descriptor.annotation, descriptor.parameter_info
        if self._parameter.multiple or self._parameter.nargs == -1:
            if value is None:
                return ()
            if get_origin(kind) is not list or not isinstance(value, list | tuple):
                raise _NotPlain
            return [_read_one(each, get_args(kind)[0], declared) for each in value]
        return value if value is None else _read_one(value, kind, declared)


def _read_one(value: Any, kind: Any, declared: Any) -> Any:
    if declared.parser is not None:
        return declared.parser(value)
    if kind is str and isinstance(value, str):
        return value
    number = _number(value, kind)
    if (declared.min is not None and number < declared.min) or (
        declared.max is not None and number > declared.max
    ):
        raise _NotPlain
    return number


def _number(value: Any, kind: Any) -> Any:
    # A default is a number already.
    if kind not in _NUMBERS or type(value) not in (kind, str):
        raise _NotPlain
    if isinstance(value, str) and not _NUMBERS[kind].fullmatch(value):
        raise _NotPlain
    return kind(value)
