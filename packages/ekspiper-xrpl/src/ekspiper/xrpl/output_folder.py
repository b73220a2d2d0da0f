"""A folder of output: which command it belongs to, and what its files are called."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ekspiper.core import (
    Collector,
    CommitPolicy,
    ConfigError,
    Delivery,
    FileCheckpoint,
    FileLock,
    registry,
    replace_file,
)
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.schema import schema_for

__all__ = [
    "DEFINITIONS",
    "FORMATS",
    "TABLES",
    "OutputFolder",
    "default_out",
    "kept_definitions",
    "usable_path",
]

FORMATS = ("jsonl", "parquet")

TABLES_OF_A_LAKE = "iceberg"
"""What workers can also write; its folder is a warehouse with a catalog."""

TABLES = ("transactions", "ledgers", "book_offers", "amms")
"""The kinds of records that daemon and backfill write."""


DEFINITIONS = Path(".checkpoint", "network", "definitions.json")
"""Where a folder keeps the definitions of its network, if they are not the bundled ones."""

# Bytes of one part of a path, on every file system in use.
_LONGEST_NAME = 255


def default_out(network: str, command: str) -> Path:
    """The folder of a command where the user names none."""
    return Path("out") / f"{network if network.isalnum() else 'custom'}-{command}"


def kept_definitions(folder: Path) -> Definitions | None:
    """What the nodes of a folder's network said of its fields; None where nothing is kept.

    Raises:
        DefinitionsError: they cannot be read.
    """
    path = folder / DEFINITIONS
    return Definitions.from_file(path) if path.exists() else None


def usable_path(text: str) -> Path:
    """A path as somebody gave it.

    Raises:
        ValueError: it is empty, which Python takes for the working directory; or a name in it is
            longer than file systems allow.
    """
    if not text:
        raise ValueError("the path is empty; . is the folder where you are")
    path = Path(text)
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if longest > _LONGEST_NAME:
        raise ValueError(f"a name in it has {longest} bytes; {_LONGEST_NAME} is the limit")
    return path


class OutputFolder:
    """Where a command writes, and continues when it is run again.

    Args:
        path: the folder; made when it is missing.
        command: the command it belongs to: two commands in one folder would cut back each
            other's files after a crash.
        format: `jsonl` or `parquet`.
        option: what names the folder on the command line, for errors.
        tables: the kinds of records that the command writes.
        foreign: what else it writes, as a pattern of file names.

    Raises:
        ConfigError: it cannot be written to, belongs to another command or format, or holds files
            of these names that no command of ours wrote.
    """

    def __init__(
        self,
        path: Path,
        *,
        command: str,
        format: str = "jsonl",
        option: str = "--out",
        tables: Collection[str] = TABLES,
        foreign: str | None = None,
    ) -> None:
        if format not in (*FORMATS, TABLES_OF_A_LAKE):
            raise ConfigError(f"no format is called {format!r}; known: {', '.join(FORMATS)}")
        self.path = path
        self.command = command
        self.format = format
        self.commit = CommitPolicy()
        self.instead = f"choose another with {option} DIR"
        """What to do where this folder cannot be used."""
        self._refuse_others()
        self._refuse_foreign([*map(self.table, tables), *(path.glob(foreign) if foreign else ())])
        self._make()

    @property
    def checkpoint(self) -> FileCheckpoint:
        """The command's checkpoint in this folder."""
        return FileCheckpoint(self.path / ".checkpoint" / f"{self.command}.{self.format}.json")

    async def source_of(self, flow: str) -> str | None:
        """The source that a flow had when the command began here; None before it did."""
        progress = await self.checkpoint.load()
        begun = progress.flows.get(flow) if progress is not None else None
        return begun.source if begun is not None else None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out for as long as the context lasts; a crash ends it, too.

        Raises:
            ConfigError: another process has it.
        """
        # Beside the checkpoint, so that all commands that could use the folder meet at one lock.
        lock = FileLock(self.checkpoint.path.with_name("lock"))
        try:
            lock.path.parent.mkdir(exist_ok=True)
            is_ours = lock.acquire()
        except OSError as error:
            raise self._unwritable(error) from error
        if not is_ours:
            raise ConfigError(
                f"the folder {self.path} is in use by {lock.holder}; stop that first, or "
                f"{self.instead}"
            )
        try:
            yield
        finally:
            lock.release()

    def keep_definitions(self, definitions: Definitions) -> None:
        """Keep what the network's nodes said of its fields, so that an audit needs no node.

        Raises:
            ConfigError: the folder cannot be written to.
        """
        # An audit has the bundled ones anyway, of the version that runs it.
        if definitions is Definitions.bundled():
            return
        path = self.path / DEFINITIONS
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(definitions.to_json()).encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def table(self, records: str) -> Path:
        """The file, or the folder of a Parquet dataset, with records of a kind."""
        return self.path / (f"{records}.jsonl" if self.format == "jsonl" else records)

    def collector(self, records: str, **options: Any) -> Delivery:
        """The collector that writes records of a kind."""
        collector = registry.load("collectors", self.format)
        schema = schema_for(collector, records)
        if schema is not None:
            options["schema"] = schema
        return Delivery(collector(self.table(records), **options), name="files")

    def set_aside(self, records: str) -> str:
        """Rename what was recorded, as it is not to be used, and start over; where it is now."""
        table = self.table(records)
        aside = table.with_name(f"{table.stem}.unverified{table.suffix}")
        # A Parquet dataset has its manifest in a folder beside it.
        for old, new in ((table, aside), (_beside(table), _beside(aside))):
            if new.is_dir():
                shutil.rmtree(new)
            if old.exists():
                old.replace(new)
        self.checkpoint.path.unlink(missing_ok=True)
        return str(aside)

    def dead_letters(self) -> Collector[Any]:
        """The collector of dead letters: JSON lines, whatever the format of the records."""
        made: Collector[Any] = registry.load("collectors", "jsonl")(
            self.path / "dead_letters.jsonl"
        )
        return made

    def _refuse_others(self) -> None:
        own = self.checkpoint.path
        for other in sorted(own.parent.glob("*.json")):
            if other != own:
                owner = " as ".join(other.stem.split("."))
                raise ConfigError(
                    f"the folder {self.path} belongs to `ekspiper {owner}`; {self.instead}"
                )

    def _refuse_foreign(self, files: Iterable[Path]) -> None:
        """Files that nobody's checkpoint is about are somebody else's.

        We would append to them, and an audit could not tell afterwards which lines are ours.
        """
        if self.checkpoint.path.exists():
            return
        for file in files:
            if any(file.iterdir()) if file.is_dir() else file.exists() and file.stat().st_size:
                raise ConfigError(
                    f"{file} is there already, and {self.checkpoint.path} is not: another program "
                    f"wrote it; {self.instead}, or move it away"
                )

    def claim(self) -> None:
        """Mark the folder as this command's, where the command needs no checkpoint."""
        self.checkpoint.path.parent.mkdir(exist_ok=True)
        self.checkpoint.path.touch()

    def _make(self) -> None:
        probe = self.path / ".ekspiper-can-write"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # With a byte in it: on a full disk an empty file can still be made.
            probe.write_bytes(b"-")
            probe.unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"cannot write to the folder {self.path}: {error.strerror or error}; {self.instead}"
        )


def _beside(table: Path) -> Path:
    return table.with_name(f".{table.name}.ekspiper")
