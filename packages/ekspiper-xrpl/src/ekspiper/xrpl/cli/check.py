"""`ekspiper check`: read a configuration and name every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..config import RECORDS, collector_tables, load_settings
from ..networks import find_network

__all__ = ["check"]


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration in TOML.")],
) -> None:
    """Validate a configuration: every mistake with its line, or what it would run."""
    settings = load_settings(file)
    typer.echo(f"{file}: no mistakes")
    typer.echo(f"  network      {find_network(settings.network)}")
    tables = collector_tables(settings)
    for records in RECORDS:
        names = [f"{t.path[-1]} ({t.type})" for t in tables if records in t.records]
        if settings.out is not None:
            names.append(f"files ({settings.out / records}.jsonl)")
        typer.echo(f"  {records:<12} {', '.join(names) or 'nothing takes them'}")
