"""A scratch file for what is too large to keep in memory."""

from __future__ import annotations

import os
import tempfile
from types import TracebackType
from typing import NamedTuple, Self

from .errors import RecordingError

__all__ = ["Span", "Spool"]


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
