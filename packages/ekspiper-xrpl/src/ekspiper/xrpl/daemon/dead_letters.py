"""Where the dead letters of a daemon go, as the configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekspiper.core import Collector
from ekspiper.xrpl.config import CollectorTable, Settings

from ._collectors import file_collectors, places

__all__ = ["dead_letter_collector", "dead_letter_file"]

# With any of these options the letters are not in a single file of plain lines.
_NOT_ONE_FILE = ("compression", "rotate_bytes", "rotate_seconds")


def dead_letter_collector(settings: Settings, *, network: str) -> Collector[Any] | None:
    """Where items go that fail for good; None: they stop the daemon."""
    letters = _letters(settings, network)
    if letters is None:
        return None
    table, stand_for = letters
    return table.make(records="dead_letters", **stand_for)


def dead_letter_file(settings: Settings, *, network: str) -> Path | None:
    """The one file of JSON lines that dead letters go to; None where they go elsewhere."""
    letters = _letters(settings, network)
    if letters is None:
        return None
    table, stand_for = letters
    options = table.filled(records="dead_letters", **stand_for)
    if table.type != "jsonl" or any(options.get(name) for name in _NOT_ONE_FILE):
        return None
    return Path(options["path"])


def _letters(settings: Settings, network: str) -> tuple[CollectorTable, dict[str, str]] | None:
    """The table of the dead-letter collector, and what its places stand for."""
    table = settings.dead_letter_table
    if table is not None:
        return table, places(settings.out, network)
    if settings.state_folder is None:
        return None
    return file_collectors(), places(settings.state_folder, network)
