"""Asks a daemon how it is doing, or the folder of one that is stopped; without loading the daemon."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ekspiper.core import ConfigError, FileCheckpoint, FileLock

__all__ = ["advertised", "last_letters", "read_status"]

# Seconds that a daemon has for its answer.
_TIMEOUT = 10.0

_URL_FILE = "url"
_CHECKPOINTS = "daemon.*.json"

_LETTERS_SHOWN = 20
# Bytes from the end of the file: enough for the last letters, and read within a millisecond.
_LETTERS_READ = 256 * 1024


@contextmanager
def advertised(folder: Path | None, url: str) -> Iterator[None]:
    """Leave the daemon's URL in the folder of its state, for as long as the context lasts."""
    file = folder / ".checkpoint" / _URL_FILE if folder is not None else None
    if file is not None:
        with suppress(OSError):  # a full disk must not keep the daemon from starting
            file.write_text(url)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                file.unlink()


def read_status(target: str) -> dict[str, Any]:
    """The document that `/status` of a daemon answers with; for one that is stopped, what is known.

    It blocks, and is not for use in an event loop.

    Args:
        target: the URL of a daemon's port, or the folder of its state or output.

    Raises:
        ConfigError: it is neither, or nothing answers at that URL.
    """
    folder = Path(target)
    if "://" not in target and folder.is_dir():
        return _of_folder(folder)
    if not re.fullmatch(r"https?://\S+|[^\s/]+:\d+", target):
        raise ConfigError(
            f"{target} is neither the URL of a daemon, such as http://127.0.0.1:9464, nor a "
            "folder that is there"
        )
    url = target if "://" in target else f"http://{target}"
    try:
        return _ask(url)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        reason = getattr(reason, "strerror", None) or reason  # without "[Errno 111]"
        raise ConfigError(f"no daemon answers at {url}: {reason}") from error


def _ask(url: str) -> dict[str, Any]:
    # Not by a proxy of the environment: the daemon is here, or in the same network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url.rstrip('/')}/status", timeout=_TIMEOUT) as reply:
        try:
            document = json.load(reply)
        except ValueError:
            document = None
    if not isinstance(document, dict) or "reasons" not in document:
        raise ConfigError(f"what answers at {url} is not a daemon of ekspiper")
    return document


def _of_folder(folder: Path) -> dict[str, Any]:
    hidden = folder / ".checkpoint"
    checkpoints = sorted(hidden.glob(_CHECKPOINTS))
    if not checkpoints:
        raise ConfigError(
            f"{folder} holds no state of a daemon: there is no {hidden}/daemon.*.json"
        )
    if (document := _of_running(folder, hidden)) is not None:
        return document
    return _of_stopped(folder, checkpoints[0])


def _of_running(folder: Path, hidden: Path) -> dict[str, Any] | None:
    """What the daemon says that left its URL here; None where it has ended, however it did."""
    try:
        document = _ask((hidden / _URL_FILE).read_text())
    except (OSError, ConfigError):
        return None
    # After a crash the URL stays, and another daemon may answer there by now.
    is_ours = document.get("state_folder") == str(folder.resolve())
    return document if is_ours else None


def _of_stopped(folder: Path, file: Path) -> dict[str, Any]:
    from .flows import ROOT

    progress = asyncio.run(FileCheckpoint(file).load())
    flow = progress.flows.get(ROOT) if progress is not None else None
    letters = folder / "dead_letters.jsonl"
    written = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
    runs = _is_locked(file.with_name("lock"))
    why = "it runs without HTTP, or does not answer" if runs else "the daemon is stopped"
    return {
        "state": "unknown" if runs else "stopped",
        "ready": False,
        "reasons": [why],
        "state_folder": str(folder.resolve()),
        "checkpoint": {"file": str(file), "written": written.replace("+00:00", "Z")},
        "ledger": {"kept": flow.position if flow is not None else None},
        "dead_letters": {
            "count": _lines(letters),
            "file": str(letters) if letters.exists() else None,
            "last": last_letters(letters),
        },
    }


def _is_locked(path: Path) -> bool:
    """Whether a daemon holds the folder."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        if not lock.acquire():
            return True
    except OSError:
        return False  # somebody else's folder, which may be read and not locked
    lock.release()
    return False


def _lines(file: Path) -> int:
    try:
        with file.open("rb") as opened:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: opened.read(1 << 20), b""))
    except OSError:
        return 0


def last_letters(file: Path | None) -> list[dict[str, Any]]:
    """The newest dead letters, the newest first, without the items themselves."""
    if file is None:
        return []
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(0, size - _LETTERS_READ))
            lines = opened.read().splitlines()
    except OSError:
        return []
    found: list[dict[str, Any]] = []
    for line in reversed(lines):
        try:
            letter = orjson.loads(line)
        except ValueError:
            continue  # the first line may have lost its beginning, and the last may be half written
        if isinstance(letter, dict) and "error" in letter:
            names = ("time", "position", "flow", "step", "collector", "error", "message")
            found.append({name: letter.get(name) for name in names})
        if len(found) == _LETTERS_SHOWN:
            break
    return found
