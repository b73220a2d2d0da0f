"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .logs import console

__all__ = [
    "ConfigFile",
    "ConnectTimeout",
    "Format",
    "Ledger",
    "Network",
    "Out",
    "State",
    "say_sample",
]

Network = Annotated[
    str | None,
    typer.Option(
        "--network",
        "-n",
        metavar="NAME|URLS",
        help="sample, mainnet, testnet, devnet, or ws:// URLs of nodes, with commas. "
        "[default: sample]",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="DIR", help="Folder for files; made when missing."),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="Folder for the checkpoint and the dead letters, where no files are wanted. "
        "[default: that of --out; with collectors and without --out, out/NETWORK-daemon]",
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="Configuration in TOML.")
]

ConnectTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        min=0.001,
        show_default=False,
        help="Give up when no node answers for S seconds. [default: never]",
    ),
]
Ledger = Annotated[
    int | None,
    typer.Option(
        metavar="L",
        min=1,
        max=0xFFFFFFFF,
        show_default=False,
        help="The ledger. [default: the newest]",
    ),
]
Format = Annotated[str, typer.Option(metavar="jsonl|parquet", help="Format of the files.")]


def say_sample(network: str, given: str | None) -> None:
    """Tell someone who chose no network which one this is, and how to choose another."""
    if given is None and network == "sample":
        console.print(
            "Reading the sample network that comes with ekspiper; "
            "for the real one: --network mainnet",
            style="dim",
            soft_wrap=True,
        )
