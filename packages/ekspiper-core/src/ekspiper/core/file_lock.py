"""One process at a time: a lock that the kernel gives free when its holder is gone."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["FileLock"]


class FileLock:
    """A lock on a file of its own, which names the process that holds it.

    Args:
        path: the file; there while the lock is held, and after a crash, which frees it all the same.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock; whether it is ours now. False: somebody else has it.

        Raises:
            OSError: the file cannot be made or locked.
        """
        while self._descriptor is None:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            if self._is_current(descriptor):
                self._descriptor = descriptor
                self._sign(descriptor)
            else:  # its holder removed it between our two calls
                os.close(descriptor)
        return True

    @property
    def holder(self) -> str:
        """Who has it, for messages: `process 4711`; `another process` where that is not known."""
        try:
            return f"process {int(self.path.read_bytes())}"
        except (OSError, ValueError):
            return "another process"

    def release(self) -> None:
        """Give it back and remove the file; releasing twice is fine."""
        if self._descriptor is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def _sign(self, descriptor: int) -> None:
        with suppress(OSError):  # a full disk: the lock holds without a name on it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False
