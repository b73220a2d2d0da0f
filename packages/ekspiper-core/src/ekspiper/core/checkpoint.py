"""Where a pipeline goes on after a restart: the protocol, and a file that holds it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .collector import State
from .errors import CheckpointError, ConfigError, Retryable, ShapeChanged
from .source import Position

__all__ = ["Checkpoint", "CommitPolicy", "FileCheckpoint", "FlowState", "Progress"]

FORMAT = "ekspiper checkpoint"
VERSION = 1


@dataclass(frozen=True, slots=True)
class FlowState:
    """Progress of one source.

    Args:
        source: the source's identity, for example the network.
        position: everything up to it is kept; None when nothing is yet.
        collectors: what each recoverable collector says of itself at that position, by place
            (`flow/step/collector`).
    """

    source: str
    position: Position = None
    collectors: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a checkpoint holds.

    Args:
        shape: the pipeline's flows, steps and collectors, as `Pipeline.shape` lists them.
        flows: progress by the name of the flow that reads the source.
    """

    shape: tuple[str, ...]
    flows: Mapping[str, FlowState] = field(default_factory=dict)

    def refuse_other(self, shape: tuple[str, ...], sources: Mapping[str, str], where: str) -> None:
        """Raise `CheckpointError` unless this was taken by the same pipeline on the same source."""
        removed = sorted(set(self.shape) - set(shape))
        added = sorted(set(shape) - set(self.shape))
        if added or removed:
            raise ShapeChanged(where, added=added, removed=removed)
        self.refuse_other_source(sources, where)

    def refuse_other_source(self, sources: Mapping[str, str | None], where: str) -> None:
        """Raise `CheckpointError` where a flow reads another source than it did."""
        for flow, state in self.flows.items():
            if state.source != sources.get(flow):
                raise CheckpointError(
                    f"{where} was taken from {state.source!r}, but flow {flow!r} now reads "
                    f"{sources.get(flow)!r}; use another checkpoint, or delete {where} and what "
                    "was written, to begin anew"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPolicy:
    """When the checkpoint is written: after so many items or seconds, and always at the end."""

    items: int = 10_000
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.items < 1 or self.seconds <= 0:
            raise ConfigError(f"a commit policy needs items >= 1 and seconds > 0, not {self}")


class Checkpoint(Protocol):
    """Stores the progress of one pipeline. Loaded once, saved often, by one run at a time."""

    async def load(self) -> Progress | None:
        """The progress saved last; None when there is none.

        Raises:
            CheckpointError: what is there is damaged or of another format.
        """
        ...

    async def save(self, progress: Progress) -> None:
        """Replace what is stored. When this returns, a crash cannot undo it.

        Raises:
            Retryable: it could not be written now; what was stored before still is.
        """
        ...

    async def back_up(self) -> str:
        """Keep a copy of what is stored, which no `save` replaces; says where it is."""
        ...


class FileCheckpoint:
    """A checkpoint in one JSON file, replaced atomically and fsynced.

    Args:
        path: the file; its folder is made when it is missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"FileCheckpoint({str(self.path)!r})"

    def __str__(self) -> str:
        return f"the checkpoint {self.path}"

    async def load(self) -> Progress | None:
        """Read the file; None when it does not exist."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"cannot read {self}: {error}") from error
        return _parse(text, str(self))

    async def back_up(self) -> str:
        """Copy the file to the first of `NAME.backup-1`, `NAME.backup-2`, ... that is free."""
        numbers = itertools.count(1)
        names = (self.path.with_name(f"{self.path.name}.backup-{n}") for n in numbers)
        backup = next(path for path in names if not path.exists())
        try:
            await _in_thread(backup, self.path.read_bytes())
        except OSError as error:
            raise CheckpointError(f"cannot keep a copy of {self}: {error}") from error
        return str(backup)

    async def save(self, progress: Progress) -> None:
        """Write a new file beside the old one, fsync it, and put it in its place."""
        text = json.dumps(
            {"format": FORMAT, "version": VERSION, **asdict(progress)}, indent=1, sort_keys=True
        )
        try:
            await _in_thread(self.path, text.encode())
        except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise CheckpointError(f"cannot write {self}: {error}") from error
        except OSError as error:
            raise Retryable(f"cannot write {self}: {error}") from error


async def _in_thread(path: Path, content: bytes) -> None:
    """Write off the loop. Cancelled, it is waited for: two writers at once would damage the file."""
    task = asyncio.ensure_future(asyncio.to_thread(_replace, path, content))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    if os.name == "nt":  # Windows has no handle on a folder that could be synced
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parse(text: str, where: str) -> Progress:
    damaged = f"{where} is damaged; delete it and what was written, to begin anew"
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise CheckpointError(f"{damaged}: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{where} is no checkpoint of ekspiper")
    if content.get("version") != VERSION:
        raise CheckpointError(
            f"{where} has version {content.get('version')}, this ekspiper reads {VERSION}"
        )
    try:
        flows = {name: FlowState(**state) for name, state in content["flows"].items()}
        return Progress(shape=tuple(content["shape"]), flows=flows)
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{damaged}: {error}") from error
