"""`ekspiper check`: read a configuration and name every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ekspiper.xrpl.config import (
    RECORDS,
    Mistakes,
    Settings,
    load_settings,
)
from ekspiper.xrpl.daemon import dead_letter_file
from ekspiper.xrpl.networks import CUSTOM, find_network

from .._options import Json, path_argument
from .._streams import say, say_json

__all__ = ["check"]


def check(
    file: Annotated[Path, path_argument("FILE", "Configuration in TOML.")],
    as_json: Json = False,
) -> None:
    """Check a configuration, and name every mistake with its line.

    Without mistakes it says what a daemon would run: which collector takes which records. With
    --json, mistakes are objects with the line, the key and what is wrong.

    Examples:
      ekspiper check ekspiper.toml
      ekspiper check ekspiper.toml --json | python3 -m json.tool
    """
    try:
        settings = load_settings(file)
    except Mistakes as mistakes:
        if not as_json:
            raise
        say_json({"file": str(file), "mistakes": mistakes.as_json()})
        # As JSON the mistakes are the answer, and the exit code is the same as in words.
        raise typer.Exit(2) from None
    if as_json:
        say_json(_as_json(file, settings))
        return
    say(f"{file}: no mistakes")
    named = settings.network_name or find_network(settings.network).name
    say(f"  network      {find_network(settings.network)}")
    # Nothing is asked here, and only the nodes know which network they belong to.
    if named == CUSTOM and settings.network_name is None:
        named = "{network}"
        say("  {network}    mainnet, testnet or devnet as the nodes say, otherwise custom")
    say(f"  state        {settings.state_folder or 'none: a restart starts over'}")
    for table in settings.collector_tables:
        say(f"  collector    {table.path[-1]} ({table.type}): {', '.join(table.records)}")
    for records, takers in _takers(settings).items():
        say(f"  {records:<12} {', '.join(takers) or 'nothing takes them'}")
    say(f"  dead letters {_letters(settings, named)}")


def _takers(settings: Settings) -> dict[str, list[str]]:
    """What takes the records of each kind."""
    tables = settings.collector_tables
    takers = {}
    for records in RECORDS:
        names = [f"{t.path[-1]} ({t.type})" for t in tables if records in t.records]
        if settings.out is not None:
            names.append(f"files ({settings.out / records}.jsonl)")
        # As the daemon does it: without any collector, records go to standard output.
        elif not tables:
            names.append("standard output")
        takers[records] = names
    return takers


def _letters(settings: Settings, network: str) -> str:
    file = dead_letter_file(settings, network=network)
    if file is not None:
        return str(file)
    table = settings.dead_letter_table
    return "none: an error stops the daemon" if table is None else f"[dead_letters] ({table.type})"


def _as_json(file: Path, settings: Settings) -> dict[str, Any]:
    network = find_network(settings.network)
    named = settings.network_name or network.name
    return {
        "file": str(file),
        "mistakes": [],
        "network": str(network),
        "state": str(settings.state_folder) if settings.state_folder else None,
        "collectors": {
            table.path[-1]: {"type": table.type, "records": list(table.records)}
            for table in settings.collector_tables
        },
        "records": _takers(settings),
        "dead_letters": _letters(settings, "{network}" if named == CUSTOM else named),
    }
