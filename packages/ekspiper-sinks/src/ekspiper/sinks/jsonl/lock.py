"""One writer at a time: a lock file beside the data, gone when the writer is."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ekspiper.core import ConfigError

__all__ = ["WriterLock"]


class WriterLock:
    """Held by the one collector that writes to a path. A crash releases it.

    Args:
        path: of the data; the lock is a hidden file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._data = path
        self._path = path.with_name(f".{path.name}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            ConfigError: another collector has it.
            OSError: the folder cannot be written.
        """
        while self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise ConfigError(
                    f"{self._data} is being written by another collector or process; "
                    "stop that one, or choose another path"
                ) from None
            if self._is_current(descriptor):
                self._descriptor = descriptor
            else:  # its holder removed it between our two calls
                os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give it back and remove the file."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None
