"""A source that gives the items of a list, with marks for what can happen on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..source import Position, Source

__all__ = ["Abort", "End", "ListSource", "Pause"]


@dataclass(frozen=True, eq=False)
class End:
    """The source ends here; when it is read again, it continues behind this mark."""


@dataclass(frozen=True, eq=False)
class Abort:
    """The source raises `error` here, once; read again, it continues behind this mark."""

    error: Exception = field(default_factory=lambda: ConnectionResetError("aborted by the test"))


@dataclass(frozen=True, eq=False)
class Pause:
    """The source gives nothing for `seconds`; or, with None, until `go_on` is set."""

    seconds: float | None = None
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


class ListSource(Source[Any]):
    """Gives the items of a list, one after another, and does what the marks among them say.

    The position is how many items have been given; marks do not count. It resumes anywhere. Several
    runs can read the same object, one after another, as a restarted program would.

    Args:
        items: items, and `End`, `Abort` and `Pause` marks among them.
        identity: the checkpoint is tied to it.
        polite: let other tasks run before each item, as a source over a network does.
        time: gives the time of an item, in seconds since 1970.
    """

    def __init__(
        self,
        items: Iterable[Any],
        *,
        identity: str = "list",
        polite: bool = False,
        time: Callable[[Any], float] | None = None,
    ) -> None:
        self.items = list(items)
        self.opened = 0
        self.closed = 0
        self._identity = identity
        self._polite = polite
        self._time_of = time
        self._time: float | None = None
        self._passed: set[int] = set()
        self._start = 0
        self._position: int | None = None

    @property
    def position(self) -> Position:
        """How many items have been given."""
        return self._position

    @property
    def identity(self) -> str:
        """What was given as `identity`."""
        return self._identity

    @property
    def time(self) -> float | None:
        """The time of the item given last."""
        return self._time

    async def open(self) -> None:
        """Start at the first item, unless `resume` says otherwise."""
        self.opened += 1
        self._start = 0

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    async def resume(self, position: Position) -> None:
        """Continue after this many items."""
        self._start = int(position)

    async def __aiter__(self) -> AsyncIterator[Any]:
        given = 0
        for place, item in enumerate(self.items):
            if isinstance(item, End | Abort | Pause):
                # A mark does its work once: a run that resumes must get past the place where the
                # last one failed.
                if given >= self._start and place not in self._passed:
                    self._passed.add(place)
                    if isinstance(item, End):
                        return
                    await _obey(item)
                continue
            given += 1
            if given <= self._start:
                continue
            if self._polite:
                await asyncio.sleep(0)
            self._position = given
            self._time = self._time_of(item) if self._time_of else None
            yield item


async def _obey(mark: Abort | Pause) -> None:
    if isinstance(mark, Abort):
        raise mark.error
    if mark.seconds is None:
        await mark.go_on.wait()
    else:
        await asyncio.sleep(mark.seconds)
