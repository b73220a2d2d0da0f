"""A folder of output: which command it belongs to, and what its files are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekspiper.core import Collector, ConfigError, Delivery, FileCheckpoint, registry

from .schema.for_collectors import schema_for

__all__ = ["FORMATS", "OutputFolder"]

FORMATS = ("jsonl", "parquet")


class OutputFolder:
    """Where a command writes, and goes on when it is run again.

    Args:
        path: the folder; made when it is missing.
        command: the command it belongs to: two commands in one folder would cut back each
            other's files after a crash.
        format: `jsonl` or `parquet`.

    Raises:
        ConfigError: it cannot be written to, or belongs to another command or format.
    """

    def __init__(self, path: Path, *, command: str, format: str = "jsonl") -> None:
        if format not in FORMATS:
            raise ConfigError(f"no format is called {format!r}; known: {', '.join(FORMATS)}")
        self.path = path
        self.command = command
        self.format = format
        self._refuse_others()
        _make_folder(path)

    @property
    def checkpoint(self) -> FileCheckpoint:
        """The command's checkpoint in this folder."""
        return FileCheckpoint(self.path / ".checkpoint" / f"{self.command}.{self.format}.json")

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
                    f"the folder {self.path} belongs to `ekspiper {owner}`; "
                    "choose another with --out DIR"
                )


def _make_folder(folder: Path) -> None:
    """Make the output folder, or raise `ConfigError` when that or writing to it is impossible."""
    probe = folder / ".ekspiper-can-write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"-")
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {folder}: {error.strerror or error}; choose another "
            "with --out DIR"
        ) from error
