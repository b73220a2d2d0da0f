"""The collector that writes JSON lines to files."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from ekspiper.core import (
    BatchError,
    CheckpointError,
    Collector,
    ConfigError,
    FileLock,
    JsonLine,
    LineBlock,
    Position,
    Retryable,
    State,
    in_thread,
)

from .._checks import reason_of, refuse_unless_positive
from .._json import json_line, json_lines
from ._compression import Compression, codec
from ._data_files import DataFiles, Place
from ._file_names import FileNames, same_period, split
from ._repair import end_of_lines, end_of_members

__all__ = ["JsonLines"]


class JsonLines(Collector[Any]):
    """Writes each record as a line of JSON. Exactly once, with a checkpoint.

    A record counts as kept when the operating system has its line: it then survives the end of
    this process. A checkpoint makes the lines survive a power failure as well, and a restart cuts
    the files back to the checkpoint, so no line is there twice. Lines are never split. A batch that
    fails, because the disk is full for example, leaves nothing behind, and comes again.

    The file is made with the first line, or with the first checkpoint.

    Args:
        path: the file; missing folders are made. With rotation the files are called
            `NAME-00000001.jsonl` and so on; with compression they end in `.gz` or `.zst`.
        rotate_bytes: begin a new file at this many bytes. A single line may be longer, and a
            compressed file may exceed it by one batch.
        rotate_seconds: begin a new file for each period of this length. Periods begin at multiples
            of it since 1970, UTC: 3600 makes a file for each hour.
        compression: `gzip` or `zstd`. Each batch is a member or frame of its own, so the file is
            valid at any time; larger batches compress better.
        fsync: when lines are made to survive a power failure: at each `checkpoint`, after each
            `batch`, or `never`, which leaves it to the operating system.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: zstandard is not installed.
    """

    takes_lines = True
    takes_blocks = True

    def __init__(
        self,
        path: Path,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        compression: Compression | None = None,
        fsync: Literal["checkpoint", "batch", "never"] = "checkpoint",
    ) -> None:
        refuse_unless_positive(rotate_bytes=rotate_bytes, rotate_seconds=rotate_seconds)
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
        # Beside the file and not on it: rotation and cutting back make other files.
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
                f"cannot write {self.path}: {error.filename or self.path}: {reason_of(error)}; "
                "choose another path or give access"
            ) from error
        self._repaired = False

    async def close(self) -> None:
        """Close the file and release the path."""
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
        # The good lines first: when they cannot be written, the whole batch comes again.
        await self.collect_encoded(lines)
        if failures:
            raise BatchError(failures)

    def encode(self, item: Any) -> bytes:
        """The line of a record; a `JsonLine` has it already.

        Raises:
            Permanent: it is not JSON.
        """
        return item.line if isinstance(item, JsonLine) else json_line(item)

    def decode(self, encoded: bytes) -> Any:
        """The record of a line."""
        return orjson.loads(encoded)

    async def collect_encoded(self, batch: Sequence[bytes | LineBlock]) -> None:
        """Write lines and blocks of lines, or nothing of them.

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
            # A part of the batch may be there, and the whole batch comes again.
            files.cut_back(before)
            raise Retryable(f"cannot write {files.current.path}: {reason_of(error)}") from error
        except BaseException:
            files.cut_back(before)
            raise

    async def _write(self, files: DataFiles, lines: Sequence[bytes | LineBlock]) -> None:
        now, sync = time.time(), self._fsync != "never"
        held = files.current.length
        # An empty file belongs to no period yet, so it is taken for the present one.
        if held and not same_period(files.current.written_at, now, seconds=self._rotate_seconds):
            files.next(sync=sync)
        for place, pieces in enumerate(await self._parts(lines, held=files.current.length)):
            if place:
                files.next(sync=sync)
            files.current.append(*pieces, now=now)
        if self._fsync == "batch":
            await in_thread(files.current.sync)

    async def _parts(
        self, batch: Sequence[bytes | LineBlock], *, held: int
    ) -> list[Sequence[bytes]]:
        """What belongs to the current file, to the next, and so on, each in pieces to write."""
        pieces = _pieces(batch)
        if self._codec is not None:
            # Compressors free the interpreter, so a thread of their own costs the loop nothing.
            data = await in_thread(self._codec.compress, b"".join(pieces))
            is_full = self._rotate_bytes is not None and held >= self._rotate_bytes
            return [(), (data,)] if is_full else [(data,)]
        if self._rotate_bytes is None or held + sum(map(len, pieces)) <= self._rotate_bytes:
            return [pieces]
        lines = io.BytesIO(b"".join(pieces)).readlines()
        parts = split([len(line) for line in lines], held=held, limit=self._rotate_bytes)
        return [(b"".join(lines[part]),) for part in parts]

    async def snapshot(self, position: Position) -> State:
        """Make the lines durable. The state is the last file's name and its length in bytes.

        Raises:
            Retryable: the disk fails.
        """
        files = self._opened()
        self._repair()
        try:
            if self._codec is not None and not files.current.length:
                # An empty file is not a gzip file, but a file with an empty member is.
                files.current.append(self._codec.compress(b""), now=time.time())
            files.current.make()  # a checkpoint must not name a file that is missing
            if self._fsync != "never":
                await in_thread(files.current.sync)
        except OSError as error:
            raise Retryable(f"cannot write {files.current.path}: {reason_of(error)}") from error
        return {"file": files.current.path.name, "length": files.current.length}

    async def restore(self, state: State | None) -> Position | None:
        """Cut the files back to a snapshot. Without one, cut off a torn last line at most.

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
                f"the checkpoint belongs to {self.path.parent / state['file']}, and the options now "
                f"name it {self._names.of(self._names.first)}: use the same options as before"
            )
        found = files.length_of(number)
        if (found or 0) < state["length"]:
            what = "is gone" if found is None else f"has {found} bytes"
            raise CheckpointError(
                f"{self.path.parent / state['file']} {what}, and the checkpoint says "
                f"{state['length']}: put the file back, or start again without the checkpoint"
            )
        files.cut_back(Place(number, state["length"]))
        self._repaired = True
        return None

    def _opened(self) -> DataFiles:
        if self._files is None:
            raise RuntimeError(f"the collector of {self.path} is not open")
        return self._files

    def _repair(self) -> None:
        """Cut off the torn line that a crash left, once, before the first line is written."""
        if self._repaired:
            return
        # Not in `open`: a restore from a checkpoint cuts the file back anyway.
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


def _pieces(batch: Sequence[bytes | LineBlock]) -> list[bytes]:
    """Blocks as they are, as joining them would only copy them; and the lines between them joined."""
    pieces: list[bytes] = []
    single: list[bytes] = []
    for one in batch:
        if isinstance(one, LineBlock):
            if single:
                pieces.append(b"".join(single))
                single.clear()
            pieces.append(one.lines)
        else:
            single.append(one)
    return [*pieces, b"".join(single)] if single else pieces
