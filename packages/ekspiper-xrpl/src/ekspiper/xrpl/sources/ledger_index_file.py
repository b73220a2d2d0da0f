"""Ledgers listed in a file."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError, Source

from .ledger_ref import LedgerRef

__all__ = ["LedgerIndexFile"]

_HASH = re.compile(r"[0-9A-Fa-f]{64}")


class LedgerIndexFile(Source[LedgerRef]):
    """One ledger a line, by its index or its hash, in the order of the file.

    Empty lines and what follows a `#` are left out. The position is the number of the line.

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._after = 0
        self._position: int | None = None

    async def open(self) -> None:
        """Read the file once, so that a mistake in its last line shows before the first is fetched.

        Raises:
            ConfigError: it cannot be read, or a line is neither an index nor a hash.
        """
        for _ in self._lines():
            pass

    @property
    def position(self) -> int | None:
        """The number of the line yielded last, from 1."""
        return self._position

    @property
    def identity(self) -> str:
        """The file."""
        return f"ledgers listed in {self._path}"

    async def resume(self, position: Any) -> None:
        """Go on with the line after `position`."""
        self._after = int(position)

    def __aiter__(self) -> AsyncGenerator[LedgerRef]:
        """The ledgers."""
        return self._refs()

    async def _refs(self) -> AsyncGenerator[LedgerRef]:
        for number, ref in self._lines():
            if number > self._after:
                self._position = number
                yield ref

    def _lines(self) -> Iterator[tuple[int, LedgerRef]]:
        try:
            with self._path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    text = line.partition("#")[0].strip()
                    if text:
                        yield number, self._ref(text, number)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the list of ledgers {self._path}: {error}") from error

    def _ref(self, text: str, number: int) -> LedgerRef:
        if _HASH.fullmatch(text):
            # Its index is known when the ledger was fetched: the header has it.
            return LedgerRef(0, text.upper())
        if text.isascii() and text.isdigit() and 0 < int(text) <= 0xFFFFFFFF:
            return LedgerRef(int(text))
        raise ConfigError(
            f"{self._path}, line {number}: {text[:80]!r} is neither the index nor the hash of a ledger"
        )
