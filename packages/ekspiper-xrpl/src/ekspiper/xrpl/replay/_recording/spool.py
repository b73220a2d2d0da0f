"""Where recorded bytes lie: a scratch file for all of them, and a cache for what is made of them."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import NamedTuple, Self

from ..errors import RecordingError

__all__ = ["ByteCache", "Span", "Spool"]


class Span(NamedTuple):
    """A stretch of a `Spool`: offset and length in bytes."""

    offset: int
    length: int


class Spool:
    """An anonymous temporary file to which bytes are added and from which any stretch is read.

    It lets a recording of any size be served with little memory, and the page cache makes a read
    about as quick as a copy. The file has no name and is gone when the spool is closed.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="ekspiper-replay-", buffering=1 << 20)  # noqa: SIM115  (closed by `close`)
        self._size = 0
        self._flushed = 0

    def add(self, data: bytes) -> Span:
        """Append the bytes. Raises RecordingError when the disk is full."""
        try:
            self._file.write(data)
        except OSError as error:
            raise RecordingError(
                f"cannot spool the recording to {tempfile.gettempdir()}: {error.strerror}; "
                "set TMPDIR to a folder with room for it, uncompressed"
            ) from error
        span = Span(self._size, len(data))
        self._size += len(data)
        return span

    def read(self, span: Span) -> bytes:
        """The bytes of one stretch."""
        # Only what is still in Python's buffer has to be written before it can be read.
        if span.offset + span.length > self._flushed:
            self._file.flush()
            self._flushed = self._size
        return os.pread(self._file.fileno(), span.length, span.offset)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class ByteCache:
    """The answers made last, together not above `max_bytes`.

    Args:
        max_bytes: what may be kept; a larger answer is made again each time.
    """

    def __init__(self, max_bytes: int = 32 << 20) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The bytes of that key, made now if they are not kept."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        made = make()
        self._kept[key] = made
        self._size += len(made)
        while self._size > self._max_bytes:
            self._size -= len(self._kept.popitem(last=False)[1])
        return made
