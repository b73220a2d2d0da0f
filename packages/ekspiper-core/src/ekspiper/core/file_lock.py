"""One process at a time: a lock that the kernel releases when its holder is gone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["FileLock"]


class FileLock:
    """A lock on a file of its own, which names the process that holds it.

    Args:
        path: the file. It exists while the lock is held, and also after a crash, which releases
            the lock but leaves the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock. True when it is ours now, False when somebody else has it.

        Raises:
            OSError: the file cannot be made or locked.
        """
        # Imported here: where the platform has no file locks, everything else still works.
        from filelock import lock_descriptor

        while self._descriptor is None:
            # Descriptors made by Python are not inherited by child processes (PEP 446).
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                is_ours = lock_descriptor(descriptor, blocking=False)
            except BaseException:
                os.close(descriptor)
                raise
            if not is_ours:
                os.close(descriptor)
                return False
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
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if os.name != "nt":
            # Removed while we still hold it: nobody can take a file that is about to go.
            self.path.unlink(missing_ok=True)
            os.close(descriptor)
        else:  # Windows removes no open file
            os.close(descriptor)
            with suppress(OSError):  # somebody else has opened it since, and will remove it
                self.path.unlink(missing_ok=True)

    def _sign(self, descriptor: int) -> None:
        with suppress(OSError):  # a full disk: the lock holds without a name on it
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, b"%d\n" % os.getpid())

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False
