"""Which files a dataset consists of: the one truth, replaced at once."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ekspiper.core import ConfigError

from .._arrow import arrow

__all__ = ["Entry", "Manifest"]

FORMAT = "ekspiper parquet dataset"
VERSION = 1

GENERATIONS_BACK = 64
"""A restart can go back this many generations; a crash needs one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file.

    Args:
        path: below the dataset's folder.
        partition: the folder it is in; empty for the dataset's own.
        rows: the number of its rows.
        bytes: its size.
        segments: `(generation, rows)`: which rows came when, in the order of the rows.
        schema: a digest of the Arrow schema it was written with.
        staged: the name it has in the staging folder until it is moved into place.
        hidden: whether it stays there for now, because it still grows.
    """

    path: str
    partition: str
    rows: int
    bytes: int
    segments: tuple[tuple[int, int], ...]
    schema: str = ""
    staged: str | None = None
    hidden: bool = False

    def forget_before(self, generation: int) -> Entry:
        """With all older segments made one, as no restart goes back to them."""
        old = [(number, rows) for number, rows in self.segments if number <= generation]
        if len(old) < 2:
            return self
        merged = (old[-1][0], sum(rows for _, rows in old))
        return replace(self, segments=(merged, *self.segments[len(old) :]))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a dataset at one generation.

    Args:
        id: the name of the dataset, the same for its whole life.
        generation: counts the snapshots that changed something.
        oldest: the oldest generation that a restart can go back to.
        position: the position of the source at this generation; None where it is not known.
        sequence: the number of the next file.
        schema: the schema of all files, as Arrow's IPC message in base64.
        inferred: whether the schema was found in the records, and may grow.
        entries: the files, in the order of their rows.
        doomed: files that left the dataset and are still to be removed.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    generation: int = 0
    oldest: int = 0
    position: Any = None
    sequence: int = 1
    schema: str = ""
    inferred: bool = True
    entries: tuple[Entry, ...] = ()
    doomed: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(entry.rows for entry in self.entries)

    @property
    def arrow_schema(self) -> Any:
        """The schema of all files; None before the first one."""
        if not self.schema:
            return None
        pa = arrow()
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(self.schema)))

    def with_schema(self, schema: Any) -> Manifest:
        """The same with another Arrow schema."""
        text = base64.b64encode(schema.serialize().to_pybytes()).decode()
        return replace(self, schema=text)

    def next(self, entries: Sequence[Entry], *, position: Any, doomed: Sequence[str]) -> Manifest:
        """The next generation, with these files and without the doomed ones."""
        generation = self.generation + 1
        oldest = max(self.oldest, generation - GENERATIONS_BACK)
        kept = tuple(entry.forget_before(oldest) for entry in entries)
        return replace(
            self,
            generation=generation,
            oldest=oldest,
            position=position,
            entries=kept,
            doomed=tuple(doomed),
        )

    def to_text(self) -> str:
        """The manifest as its file holds it."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)})

    @classmethod
    def parse(cls, text: str, path: str) -> Manifest:
        """The manifest in the text of its file.

        Raises:
            ConfigError: it is damaged, or this ekspiper does not read its version.
        """
        try:
            content: Any = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"cannot read the manifest {path}: {error}") from error
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise ConfigError(f"{path} is not the manifest of a dataset of ekspiper")
        version = content.pop("version", None)
        if version != VERSION:
            raise ConfigError(f"{path} has version {version}, this ekspiper reads {VERSION}")
        try:
            entries = tuple(_entry(each) for each in content.pop("entries"))
            return cls(**{**content, "doomed": tuple(content["doomed"])}, entries=entries)
        except (TypeError, KeyError, ValueError) as error:
            raise ConfigError(f"the manifest {path} is damaged: {error}") from error


def _entry(content: dict[str, Any]) -> Entry:
    segments = tuple((int(generation), int(rows)) for generation, rows in content.pop("segments"))
    return Entry(**content, segments=segments)
