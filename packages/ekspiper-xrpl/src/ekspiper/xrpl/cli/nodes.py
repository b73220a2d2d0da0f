"""`ekspiper nodes`: what the pool knows of each node."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..client import NodeStatus
from ..open_network import open_network
from .interruptible import run_interruptible
from .options import Network, say_sample

__all__ = ["nodes"]


def nodes(
    network: Network = None,
    connect_timeout: Annotated[
        float, typer.Option(metavar="S", help="Give up when no node answers for S seconds.")
    ] = 10.0,
) -> None:
    """Connect to every node of a network and show what it is and what it holds."""
    chosen = network or "sample"
    say_sample(chosen, network)
    Console().print(_table(run_interruptible(_statuses(chosen, connect_timeout))))


async def _statuses(network: str, connect_timeout: float) -> list[NodeStatus]:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        await opened.pool.refresh()
        for _ in range(3):
            await opened.pool.request({"command": "ping"})
        return opened.pool.nodes()


def _table(statuses: list[NodeStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in (
        "URL",
        "state",
        "network",
        "version",
        "ledgers",
        "latency",
        "in flight",
        "errors",
    ):
        table.add_column(heading, overflow="fold")
    for node in statuses:
        latency = f"{node.latency * 1000:,.1f} ms" if node.latency is not None else ""
        table.add_row(
            node.url,
            node.state,
            str(node.network) if node.network is not None else "",
            f"{node.kind or ''} {node.version}".strip(),
            str(node.ledgers),
            latency,
            f"{node.in_flight} of {node.window}",
            f"{node.errors}" + (f" ({node.problem})" if node.problem else ""),
        )
    return table
