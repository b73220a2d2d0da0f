"""Items that failed for good: what is written about each, and how they are read back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .source import Position, Source

__all__ = ["DeadLetter", "DeadLetterFile", "as_json"]

# Levels. Parsers of JSON give up at some depth, and a letter that cannot be kept ends the run.
_DEEPEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One item that failed for good.

    Args:
        source: identity of the source it came from.
        position: its position there.
        flow: where it failed.
        step: where it failed.
        collector: the collector that refused it; None if it was the processor.
        error: the exception's class.
        message: the exception's text.
        time: when, as ISO 8601 in UTC.
        item: the item itself, as JSON.
    """

    source: str
    position: Position
    flow: str
    step: str
    collector: str | None
    error: str
    message: str
    time: str
    item: Any

    @classmethod
    def of(
        cls,
        item: Any,
        error: BaseException,
        *,
        source: str,
        position: Position,
        flow: str,
        step: str,
        collector: str | None = None,
    ) -> DeadLetter:
        """The letter for `item`, which failed with `error`, now."""
        return cls(
            source=source,
            position=position,
            flow=flow,
            step=step,
            collector=collector,
            # The class by its name alone: a letter is read by people, and by programs in other
            # languages.
            error=type(error).__name__,
            message=_unicode(str(error)),
            time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            item=as_json(item),
        )

    def record(self) -> dict[str, Any]:
        """The letter as a plain dict, as the dead-letter collector gets it."""
        return {name: getattr(self, name) for name in self.__slots__}


def as_json(item: Any) -> Any:
    """`item` as a JSON value that any collector of JSON can keep.

    Uses an object's own `to_json()` if it has one. Dataclasses become objects, and bytes become
    hex. NaN, infinities and integers over 64 bits become text, and anything without a JSON form
    becomes its `repr`. Lone surrogates in text are escaped. Values nested deeper than 200 levels
    are left out, and a text in their place says so.
    """
    return _as_json(item, 0)


def _as_json(item: Any, depth: int) -> Any:
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, int):
        # What 64 bits hold, as orjson and most readers of JSON take no more.
        return item if -(1 << 63) <= item < 1 << 64 else str(item)
    if isinstance(item, str):
        return _unicode(item)
    if isinstance(item, float):
        # Neither NaN nor infinity: JSON has no word for them.
        return item if item - item == 0.0 else repr(item)
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item).hex().upper()
    # After plain values, which may lie at any depth; containers beyond it are left out.
    if depth > _DEEPEST:
        return f"(left out: nested deeper than {_DEEPEST} levels)"
    if isinstance(item, dict):
        return {_unicode(str(key)): _as_json(value, depth + 1) for key, value in item.items()}
    if isinstance(item, list | tuple | set | frozenset):
        return [_as_json(value, depth + 1) for value in item]
    # Before dataclasses: an object that says how it is to be shown knows better than its fields.
    if callable(getattr(item, "to_json", None)):
        return _as_json(item.to_json(), depth + 1)
    if is_dataclass(item) and not isinstance(item, type):
        return {
            field.name: _as_json(getattr(item, field.name), depth + 1) for field in fields(item)
        }
    return _unicode(repr(item))


def _unicode(text: str) -> str:
    # Half a surrogate pair is text in Python, and cannot be written as UTF-8.
    return text.encode(errors="backslashreplace").decode()


class DeadLetterFile(Source[DeadLetter]):
    """Reads a file of dead letters, one JSON object a line, to feed them back.

    The position is the number of lines read.

    Args:
        path: the file that a JSON-lines dead-letter collector wrote.
        keep: decides which letters to take; by default all of them.
    """

    def __init__(
        self, path: str | Path, *, keep: Callable[[DeadLetter], bool] = lambda letter: True
    ) -> None:
        self.path = Path(path)
        self._keep = keep
        self._line = 0
        self._skip = 0

    @property
    def position(self) -> Position:
        """How many lines have been read."""
        return self._line

    @property
    def identity(self) -> str:
        """The file."""
        return f"dead letters {self.path.name}"

    async def resume(self, position: Position) -> None:
        """Skip the first `position` lines."""
        self._skip = int(position)

    def letters(self) -> Iterator[DeadLetter]:
        """The letters in the file, in order.

        Raises:
            ConfigError: the file is missing, or a line is not a dead letter; names the line.
        """
        try:
            with self.path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    self._line = number
                    if number > self._skip and self._keep(letter := self._parse(number, line)):
                        yield letter
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the dead letters {self.path}: {error}") from error

    async def __aiter__(self) -> AsyncIterator[DeadLetter]:
        for letter in self.letters():
            yield letter

    def _parse(self, number: int, line: str) -> DeadLetter:
        try:
            return DeadLetter(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"{self.path}, line {number} is not a dead letter: {error}"
            ) from error
