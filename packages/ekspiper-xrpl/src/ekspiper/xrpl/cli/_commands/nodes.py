"""`ekspiper nodes`: what the pool knows of each node."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekspiper.xrpl.client import NodePool, NodeStatus
from ekspiper.xrpl.open_network import open_network

from .._interruption import run_interruptible
from .._options import Json, Network, chosen_network
from .._streams import say, say_json

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["nodes"]

_WIDE = 200
_LOOK_AGAIN = 0.05


def nodes(
    network: Network = None,
    connect_timeout: Annotated[
        float, typer.Option(metavar="S", help="Wait for each node for S seconds.")
    ] = 10.0,
    as_json: Json = False,
) -> None:
    """Show what each node of a network is and holds.

    Examples:
      ekspiper nodes --network mainnet
      ekspiper nodes -n ws://10.0.0.1:6006,ws://10.0.0.2:6006 --json
    """
    if not as_json:
        import rich.table  # noqa: F401  # what is missing is said before anything is asked

    statuses = run_interruptible(_statuses(chosen_network(network), connect_timeout))
    if as_json:
        say_json([_as_json(status) for status in statuses])
    else:
        _show(statuses)


async def _statuses(network: str, connect_timeout: float) -> list[NodeStatus]:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        with suppress(TimeoutError):
            async with asyncio.timeout(connect_timeout):
                await _until_all_have_answered(opened.pool)
        # What they said when they were connected to may be old: the answer is about now.
        await opened.pool.refresh()
        # One answer says little about the latency, and the first one includes what the server had
        # to load.
        for _ in range(3):
            await opened.pool.request({"command": "ping"})
        return opened.pool.nodes()


async def _until_all_have_answered(pool: NodePool) -> None:
    """The pool is open with its first node; the others are shown as well."""
    while any(node.state == "connecting" for node in pool.nodes()):  # noqa: ASYNC110  # states set no event
        await asyncio.sleep(_LOOK_AGAIN)


def _show(statuses: list[NodeStatus]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE  # a pipe or a file has room for every column
    with console.capture() as shown:
        console.print(_table(statuses))
    say(shown.get(), end="")
    for line in _problems(statuses):
        say(line)


def _table(statuses: list[NodeStatus]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("URL", overflow="fold", min_width=25)
    table.add_column("state", no_wrap=True)
    table.add_column("network", no_wrap=True, justify="right")
    table.add_column("version", no_wrap=True)
    table.add_column("ledgers", overflow="fold", max_width=17)
    table.add_column("latency", no_wrap=True, justify="right")
    table.add_column("in flight", no_wrap=True, justify="right")
    table.add_column("errors", no_wrap=True, justify="right")
    for node in statuses:
        latency = f"{node.latency * 1000:,.1f} ms" if node.latency is not None else ""
        table.add_row(
            node.url,
            node.state,
            str(node.network) if node.network is not None else "",
            f"{node.kind or ''} {node.version}".strip(),
            # With spaces, lines break between ranges.
            str(node.ledgers).replace(",", ", ") if node.kind is not None else "",
            latency,
            f"{node.in_flight}/{node.window}",
            str(node.errors),
        )
    return table


def _problems(statuses: list[NodeStatus]) -> list[str]:
    """What last went wrong with each node, where something did."""
    return [f"{node.url}: {problem}" for node in statuses if (problem := _problem(node))]


def _problem(node: NodeStatus) -> str:
    return node.problem or ("no answer yet" if node.state == "connecting" else "")


def _as_json(node: NodeStatus) -> dict[str, Any]:
    return {
        "url": node.url,
        "state": node.state,
        "network": node.network,
        "kind": node.kind,
        "version": node.version,
        "ledgers": str(node.ledgers),
        "latency": node.latency,
        "in_flight": node.in_flight,
        "window": node.window,
        "answers": node.answers,
        "errors": node.errors,
        "problem": _problem(node) or None,
    }
