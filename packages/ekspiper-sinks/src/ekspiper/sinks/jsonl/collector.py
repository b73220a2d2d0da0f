"""The collector that writes JSON lines to files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson

from ekspiper.core import (
    BatchError,
    CheckpointError,
    Collector,
    ConfigError,
    FileLock,
    Position,
    Retryable,
    State,
)

from ..json_line import json_line, json_lines
from .compression import Compression, codec
from .data_files import DataFiles, Place
from .names import FileNames, same_period, split
from .tail import end_of_lines, end_of_members

__all__ = ["JsonLines"]

T = TypeVar("T")


class JsonLines(Collector[Any]):
    """Writes each record as a line of JSON. Exactly once, with a checkpoint.

    A file is made with its first line, or with the first checkpoint.

    Kept means that the operating system has the lines: they survive the end of this process. A
    checkpoint makes them survive a power failure, too, and a restart cuts the files back to it,
    so that no line is there twice. Lines are never split, and a batch that fails, by a full disk
    for example, leaves nothing behind: `Retryable`, until there is room.

    Args:
        path: of the file; missing folders are made. With rotation the files are called
            `NAME-00000001.jsonl` and so on; with compression `.gz` or `.zst` is appended.
        rotate_bytes: a file has at most this many bytes, unless a single line is longer. A
            compressed file may exceed it by one batch.
        rotate_seconds: a file has the lines that were written in one period of this length.
            Periods begin at multiples of it since 1970, UTC: 3600 gives a file for each hour.
        compression: each batch is a gzip member or a zstd frame of its own, so that the file is
            valid at any time; larger batches compress better.
        fsync: when lines are made to survive a power failure: at each checkpoint, after each
            batch, or when the operating system sees fit.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: zstandard is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        compression: Compression | None = None,
        fsync: Literal["checkpoint", "batch", "never"] = "checkpoint",
    ) -> None:
        _check_positive(rotate_bytes=rotate_bytes, rotate_seconds=rotate_seconds)
        if fsync not in ("checkpoint", "batch", "never"):
            raise ConfigError(f"fsync is checkpoint, batch or never, not {fsync!r}")
        self.path = Path(path)
        self._rotate_bytes = rotate_bytes
        self._rotate_seconds = rotate_seconds
        self._codec = codec(compression)
        self._fsync = fsync
        suffix = self._codec.suffix if self._codec else ""
        if not suffix and self.path.suffix in {".gz", ".zst"}:
            raise ConfigError(f"{self.path} is named as compressed: set compression, or rename it")
        rotates = rotate_bytes is not None or rotate_seconds is not None
        self._names = FileNames(self.path.name.removesuffix(suffix), suffix, rotates)
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        self._files: DataFiles | None = None
        self._repaired = False

    async def open(self) -> None:
        """Lock the path and open its last file.

        Raises:
            ConfigError: it cannot be written, or another collector is writing it.
        """
        if self._files is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._lock.acquire():
                raise ConfigError(
                    f"{self.path} is being written by another collector, in {self._lock.holder}; "
                    "stop that one, or choose another path"
                )
            self._files = DataFiles(self.path.parent, self._names)
        except OSError as error:
            self._lock.release()
            raise ConfigError(
                f"cannot write {self.path}: {error.filename or self.path}: {error.strerror}; "
                "choose another path or give access"
            ) from error
        self._repaired = False

    async def close(self) -> None:
        """Close the file and give the path free."""
        if self._files is not None:
            self._files.close()
            self._files = None
        self._lock.release()

    async def collect(self, batch: Sequence[Any]) -> None:
        """Write the lines of a batch, or nothing of it.

        Raises:
            BatchError: these members are not JSON: NaN, bytes, integers over 64 bits, ...
            Retryable: the disk is full, or fails in another way.
        """
        lines, failures = json_lines(batch)
        await self.collect_encoded(lines)
        if failures:
            raise BatchError(failures)

    def encode(self, item: Any) -> bytes:
        """A record as its line.

        Raises:
            Permanent: it is not JSON.
        """
        return json_line(item)

    def decode(self, encoded: bytes) -> Any:
        """The record of a line."""
        return orjson.loads(encoded)

    async def collect_encoded(self, batch: Sequence[bytes]) -> None:
        """Write lines, or nothing of them.

        Raises:
            Retryable: the disk is full, or fails in another way.
        """
        files = self._opened()
        if not batch:
            return
        self._repair()
        before = files.place
        try:
            await self._write(files, batch)
        except OSError as error:
            files.cut_back(before)
            raise Retryable(f"cannot write {files.current.path}: {error.strerror}") from error
        except BaseException:
            files.cut_back(before)
            raise

    async def _write(self, files: DataFiles, lines: Sequence[bytes]) -> None:
        now, sync = time.time(), self._fsync != "never"
        held = files.current.length
        if held and not same_period(files.current.written_at, now, seconds=self._rotate_seconds):
            files.next(sync=sync)
        for place, data in enumerate(await self._parts(lines, held=files.current.length)):
            if place:
                files.next(sync=sync)
            files.current.append(data, now=now)
        if self._fsync == "batch":
            await _in_thread(files.current.sync)

    async def _parts(self, lines: Sequence[bytes], *, held: int) -> list[bytes]:
        """What goes to the current file, to the next, and so on."""
        if self._codec is not None:
            data = await _in_thread(self._codec.compress, b"".join(lines))
            is_full = self._rotate_bytes is not None and held >= self._rotate_bytes
            return [b"", data] if is_full else [data]
        if self._rotate_bytes is None:
            return [b"".join(lines)]
        parts = split([len(line) for line in lines], held=held, limit=self._rotate_bytes)
        return [b"".join(lines[part]) for part in parts]

    async def snapshot(self, position: Position) -> State:
        """Make the lines durable; the last file's name and its length in bytes.

        Raises:
            Retryable: the disk fails.
        """
        files = self._opened()
        self._repair()
        try:
            if self._codec is not None and not files.current.length:
                # An empty file is no gzip file, but one with an empty member is.
                files.current.append(self._codec.compress(b""), now=time.time())
            files.current.make()  # what a checkpoint names is there
            if self._fsync != "never":
                await _in_thread(files.current.sync)
        except OSError as error:
            raise Retryable(f"cannot write {files.current.path}: {error.strerror}") from error
        return {"file": files.current.path.name, "length": files.current.length}

    async def restore(self, state: State | None) -> Position | None:
        """Cut the files back to a snapshot; without one, cut off a torn last line at most.

        Raises:
            CheckpointError: the file is gone, shorter, or of another name than it was.
        """
        files = self._opened()
        if state is None:
            self._repair()
            return None
        number = self._names.number(state["file"])
        if number is None:
            raise CheckpointError(
                f"the checkpoint is of {self.path.parent / state['file']}, and the options now "
                f"name it {self._names.of(self._names.first)}: use the options it was made with"
            )
        found = files.length_of(number)
        if (found or 0) < state["length"]:
            what = "is gone" if found is None else f"has {found} bytes"
            raise CheckpointError(
                f"{self.path.parent / state['file']} {what}, and the checkpoint says "
                f"{state['length']}: put the file back, or begin anew without the checkpoint"
            )
        files.cut_back(Place(number, state["length"]))
        self._repaired = True
        return None

    def _opened(self) -> DataFiles:
        if self._files is None:
            raise RuntimeError(f"the collector of {self.path} is not open")
        return self._files

    def _repair(self) -> None:
        """Cut off what a crash left of a line, once, before the first one is written."""
        if self._repaired:
            return
        file, missing = self._opened().current, b""
        if self._codec is None:
            end, missing = end_of_lines(file.descriptor, file.length)
        else:
            try:
                end = end_of_members(file.descriptor, file.length, self._codec)
            except ConfigError as error:
                raise ConfigError(f"cannot append to {file.path}: {error}") from None
        file.cut(end)
        file.append(missing, now=file.written_at)
        self._repaired = True


def _check_positive(**options: float | None) -> None:
    for name, value in options.items():
        if value is not None and value <= 0:
            raise ConfigError(f"{name} must be more than 0, not {value}")


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run it off the loop. Cancelled, it is waited for: nothing may use the file behind us."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
