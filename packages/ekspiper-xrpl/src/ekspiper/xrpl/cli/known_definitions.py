"""The definitions that a command goes by when it reads no ledger itself."""

from __future__ import annotations

from typing import Annotated

import typer

from ..codec.definitions import Definitions
from ..open_network import open_network
from .interruptible import run_interruptible

__all__ = ["KnownTo", "known_definitions"]

KnownTo = Annotated[
    str | None,
    typer.Option(
        "--network",
        "-n",
        metavar="NAME|URLS",
        help="Go by what a node of this network knows beyond the bundled definitions, too.",
    ),
]


def known_definitions(network: str | None, connect_timeout: float | None) -> Definitions:
    """The bundled ones, without asking; with a network, what its nodes know beyond them, too."""
    if network is None:
        return Definitions.bundled()
    return run_interruptible(_of(network, connect_timeout))


async def _of(network: str, connect_timeout: float | None) -> Definitions:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        return opened.definitions
