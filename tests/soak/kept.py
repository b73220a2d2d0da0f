"""Whether the files and the server of a long run hold everything, and the files hold it once."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import zstandard

from .tally import KINDS, Tally

__all__ = ["check_files", "check_sink"]


def check_files(folder: Path, tally: Tally) -> Iterator[str]:
    """What of the chain is missing in the files of a folder, doubled, out of order or foreign."""
    for records in KINDS:
        for path in sorted(folder.glob(f"{records}-*.jsonl.zst")):
            for line in _lines(path):
                tally.add(records, orjson.loads(line))
        print(f"files: {tally.total(records):,} {records}", flush=True)
    for what, counted in (
        ("missing", tally.missing()),
        ("doubled", tally.again),
        ("of another chain", tally.wrong),
        ("out of order", tally.behind),
    ):
        if counted:
            yield f"in the files are {what}: {dict(counted)}"


def check_sink(said: Mapping[str, Any]) -> Iterator[str]:
    """What the server misses. What it got twice is what it had not acknowledged."""
    print(f"server: got again what it had not acknowledged: {said['again']}", flush=True)
    for what in ("missing", "wrong"):
        if said[what]:
            yield f"at the server are {what}: {said[what]}"


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        # Each batch is a separate frame.
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        yield from io.BufferedReader(frames, 1 << 20)
