"""`ekspiper check`: read a configuration and name every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..config import RECORDS, Settings, collector_tables, dead_letter_table, load_settings
from ..daemon import dead_letter_file
from ..networks import CUSTOM, find_network

__all__ = ["check"]


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration in TOML.")],
) -> None:
    """Validate a configuration: every mistake with its line, or what it would run."""
    settings = load_settings(file)
    typer.echo(f"{file}: no mistakes")
    network = find_network(settings.network)
    typer.echo(f"  network      {network}")
    named = settings.network_name or network.name
    if named == CUSTOM and settings.network_name is None:
        named = "{network}"
        typer.echo("  {network}    mainnet, testnet or devnet as the nodes say, otherwise custom")
    typer.echo(f"  state        {settings.state_folder or 'none: a restart begins anew'}")
    tables = collector_tables(settings)
    for records in RECORDS:
        names = [f"{t.path[-1]} ({t.type})" for t in tables if records in t.records]
        if settings.out is not None:
            names.append(f"files ({settings.out / records}.jsonl)")
        elif not tables:
            names.append("standard output")
        typer.echo(f"  {records:<12} {', '.join(names) or 'nothing takes them'}")
    typer.echo(f"  dead letters {_letters(settings, named)}")


def _letters(settings: Settings, network: str) -> str:
    file = dead_letter_file(settings, network=network)
    if file is not None:
        return str(file)
    table = dead_letter_table(settings)
    return "none: an error stops the daemon" if table is None else f"[dead_letters] ({table.type})"
