"""Files that survive a power failure, and blocking work off the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["in_thread", "reason_of", "replace_file", "sync_folder"]

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a thread.

    When this call is cancelled, it still waits for the function to end: nothing may go on writing
    while its caller cleans up or closes files.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def replace_file(path: Path, text: str) -> None:
    """Replace a file at once: readers see the old one or the new one.

    When this returns, a power failure cannot undo it.
    """
    aside = path.with_name(path.name + ".new")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: Exception) -> str:
    """Why something failed, in a few words: some errors have no text of their own."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
