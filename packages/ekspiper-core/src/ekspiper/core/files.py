"""Files that survive a crash: locked by one process, replaced whole, written off the loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["FileLock", "in_thread", "replace_file", "sync_folder"]

T = TypeVar("T")


class FileLock:
    """A lock on a separate file, which names the process that holds it.

    The kernel releases it when its holder ends, however it ends.

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
                # Not waited for: the other one may run for months, and the user should know at
                # once.
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
            else:
                # Its holder removed the file between our two calls. We hold a lock on a file that
                # has no name any more, and somebody else may lock a new one of that name.
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


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a thread; when cancelled, wait for it all the same.

    A thread cannot be interrupted. If the caller went on, the thread would still be writing while
    the next one, or a `close`, touches the same file.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # However long it takes: the caller closes the file next.
        await asyncio.wait((task,))
        raise


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` into a file, all of it or nothing; when this returns, a crash cannot undo it.

    It is written to a file beside it, which then takes its place.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    # In the same folder: a rename is atomic only within one file system.
    aside = path.with_name(path.name + ".new")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # before the rename, or a power cut could leave an empty file
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut: those that were added, changed, removed."""
    if os.name == "nt":  # Windows gives no handle on a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
