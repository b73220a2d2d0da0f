"""Where a pipeline resumes after a restart, how often that is written, and how one is adopted."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .collector import State
from .errors import CheckpointError, ConfigError, Retryable, ShapeChanged
from .files import in_thread, replace_file
from .source import Position

__all__ = ["Adoption", "Checkpoint", "CommitPolicy", "FileCheckpoint", "FlowState", "Progress"]

# Written into each file, so that another file is not taken for a damaged checkpoint.
FORMAT = "ekspiper checkpoint"
VERSION = 1


@dataclass(frozen=True, slots=True)
class FlowState:
    """Progress of one source.

    Args:
        source: the source's identity, for example the network.
        position: everything up to it is kept; None when nothing is yet.
        collectors: the state of each recoverable collector at that position, by place
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

    def to_text(self) -> str:
        """The progress as a checkpoint holds it."""
        # Sorted and indented, so that two checkpoints can be compared with `diff`.
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(content, indent=1, sort_keys=True)

    @classmethod
    def parse(cls, text: str, where: str) -> Progress:
        """The progress that `to_text` made this from.

        Raises:
            CheckpointError: it is damaged, or of another format or version; names `where`.
        """
        damaged = f"{where} is damaged; delete it and what was written to start again"
        try:
            content: Any = json.loads(text)
        except ValueError as error:
            raise CheckpointError(f"{damaged}: {error}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise CheckpointError(f"{where} is not a checkpoint of ekspiper")
        if content.get("version") != VERSION:
            raise CheckpointError(
                f"{where} has version {content.get('version')}, this ekspiper reads {VERSION}"
            )
        try:
            flows = {name: FlowState(**state) for name, state in content["flows"].items()}
            return cls(shape=tuple(content["shape"]), flows=flows)
        except (AttributeError, KeyError, TypeError) as error:
            raise CheckpointError(f"{damaged}: {error}") from error

    def refuse_other(self, shape: tuple[str, ...], sources: Mapping[str, str], where: str) -> None:
        """Raise `CheckpointError` unless the same pipeline took this, from the same source."""
        removed = sorted(set(self.shape) - set(shape))
        added = sorted(set(shape) - set(self.shape))
        # The pipeline before the sources: a flow that is gone would look like another source.
        if added or removed:
            raise ShapeChanged(where, added=added, removed=removed)
        self.refuse_other_source(sources, where)

    def refuse_other_source(self, sources: Mapping[str, str | None], where: str) -> None:
        """Raise `CheckpointError` if a flow reads another source than it did."""
        for flow, state in self.flows.items():
            if state.source != sources.get(flow):
                raise CheckpointError(
                    f"{where} was taken from {state.source!r}, but flow {flow!r} now reads "
                    f"{sources.get(flow)!r}; use another checkpoint, or delete {where} and what "
                    "was written to start again"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPolicy:
    """When the checkpoint is written: after this many items or seconds, and always at the end."""

    items: int = 10_000
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.items < 1 or self.seconds <= 0:
            raise ConfigError(f"a commit policy needs items >= 1 and seconds > 0, not {self}")


class Checkpoint(Protocol):
    """Stores the progress of one pipeline. One run at a time loads it once and saves it often."""

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
        """Make a copy of what is stored, which no `save` replaces; returns where it is."""
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
        # Only this means a first start. A file that cannot be read must never be taken for none.
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"cannot read {self}: {error}") from error
        return Progress.parse(text, str(self))

    async def back_up(self) -> str:
        """Copy the file to the first of `NAME.backup-1`, `NAME.backup-2`, ... that is free."""
        # Never over an earlier copy: somebody may adopt twice before noticing that it was wrong.
        numbers = itertools.count(1)
        names = (self.path.with_name(f"{self.path.name}.backup-{n}") for n in numbers)
        backup = next(path for path in names if not path.exists())
        try:
            await in_thread(_write, backup, self.path.read_bytes())
        except OSError as error:
            raise CheckpointError(f"cannot keep a copy of {self}: {error}") from error
        return str(backup)

    async def save(self, progress: Progress) -> None:
        """Write a new file beside the old one, fsync it, and put it in its place."""
        # Indented: it is small, and read by people on the day on which something is wrong.
        try:
            await in_thread(_write, self.path, progress.to_text().encode())
        # A full disk may have room again, but a path that cannot be written stays so.
        except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise CheckpointError(f"cannot write {self}: {error}") from error
        except OSError as error:
            raise Retryable(f"cannot write {self}: {error}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What becomes of a checkpoint when another pipeline takes it over. Changes nothing itself.

    Args:
        old: the progress that is taken over.
        new: the progress to continue with.
        flows: those of the new pipeline that read a source.
    """

    old: Progress
    new: Progress
    flows: tuple[str, ...]

    @classmethod
    def of(cls, old: Progress, shape: tuple[str, ...], flows: Collection[str]) -> Adoption:
        """What becomes of `old` in a pipeline of `shape`, of which `flows` read a source.

        Positions stay, and so do the states of the collectors that stay in their places.

        Raises:
            CheckpointError: no flow of the checkpoint reads a source in the new pipeline.
        """
        kept = {name: _keep(state, shape) for name, state in old.flows.items() if name in flows}
        if not kept:
            raise CheckpointError(
                f"there is nothing to adopt: the checkpoint is of {_named(old.flows)}, and the "
                f"pipeline reads its sources in {_named(flows)}"
            )
        return cls(old, Progress(shape, kept), tuple(flows))

    @property
    def added(self) -> list[str]:
        """The places that the checkpoint does not know."""
        return sorted(set(self.new.shape) - set(self.old.shape))

    @property
    def removed(self) -> list[str]:
        """The places that the pipeline does not have any more."""
        return sorted(set(self.old.shape) - set(self.new.shape))

    def lines(self) -> Iterator[str]:
        """What will happen, for the log."""
        # A new flow says so once, and not once for each of its collectors.
        fresh = [name for name in self.flows if name not in self.old.flows]
        yield f"it continues where the checkpoint stands: {', '.join(_stands(self.new.flows))}"
        for place in self.added:
            if place.partition("/")[0] not in fresh:
                yield f"{place} is new: it begins there, and gets nothing of what was before"
        for place in self.removed:
            yield f"{place} is gone: what the checkpoint knows of it is dropped"
        for name in fresh:
            yield f"the flow {name} is new: it begins at the start of its source"
        for name, state in self.old.flows.items():
            if name not in self.flows:
                yield f"the flow {name} is gone: its position, {state.position!r}, is dropped"


def _keep(state: FlowState, shape: Collection[str]) -> FlowState:
    states: Mapping[str, object] = state.collectors
    stay = {place: each for place, each in states.items() if place in shape}
    return FlowState(state.source, state.position, stay)


def _stands(flows: Mapping[str, FlowState]) -> Iterator[str]:
    for name, state in flows.items():
        yield f"{name} at {'the start' if state.position is None else repr(state.position)}"


def _named(flows: Collection[str]) -> str:
    return ", ".join(map(repr, flows)) or "no flow"
