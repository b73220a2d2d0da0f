"""Lines that are copied and not committed: in memory, and in a file once they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

__all__ = ["Aside"]

_IN_MEMORY = 16 * 1024 * 1024
_CHUNK = 1024 * 1024


class Aside:
    """Keeps lines until their transaction is committed, to copy them again if it is lost."""

    def __init__(self) -> None:
        self._file: Any = None

    def __bool__(self) -> bool:
        return self._file is not None

    def append(self, lines: list[bytes]) -> None:
        """Keep more lines.

        Raises:
            OSError: there is no room for them.
        """
        if lines and self._file is None:
            self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed by clear()
        if lines:
            self._file.write(b"".join(lines))

    def lines(self) -> Iterator[list[bytes]]:
        """All lines, some at a time. Nothing is appended meanwhile."""
        if self._file is None:
            return
        self._file.seek(0)
        rest = b""
        while chunk := self._file.read(_CHUNK):
            *lines, rest = (rest + chunk).splitlines(keepends=True)
            if rest.endswith(b"\n"):
                lines, rest = [*lines, rest], b""
            if lines:
                yield lines

    def clear(self) -> None:
        """Forget them, as they are committed, or will never be."""
        if self._file is not None:
            self._file.close()
            self._file = None
