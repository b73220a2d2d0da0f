"""`ekspiper replay`: serve a recording as a node would."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from ..replay import KINDS, FaultPlan, Recording, ReplayNode
from .logs import console

__all__ = ["replay"]


def replay(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="The recording; `sample` for the one we ship.")
    ],
    port: Annotated[
        int, typer.Option(metavar="P", min=0, max=65535, help="Port; 0 for any free one.")
    ] = 6006,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on.")
    ] = "127.0.0.1",
    close_every: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0,
            help="Close a ledger every S seconds; 0: as fast as the client follows. "
            "[default: all are closed from the start]",
        ),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Faults, for example disconnect:0.02,seed=7. Kinds: " + ", ".join(KINDS) + ".",
        ),
    ] = None,
) -> None:
    """Serve a recording over WebSocket and JSON-RPC, as rippled would, until interrupted.

    --faults takes KIND[:PROBABILITY][@LEDGERS][*TIMES][=AMOUNT], with commas, and seed=N.
    """
    asyncio.run(_serve(folder, host, port, close_every, faults))


async def _serve(
    folder: str, host: str, port: int, close_every: float | None, faults: str | None
) -> None:
    recording = Recording.sample() if folder == "sample" else Recording.load(Path(folder))
    with recording:
        plan = FaultPlan.parse(faults) if faults else None
        node = ReplayNode(recording, host=host, port=port, close_every=close_every, faults=plan)
        async with node:
            console.print(
                f"Serving ledgers {recording.first} to {recording.last} on {node.url} "
                f"(JSON-RPC on {node.http_url}); Ctrl-C ends it.",
                markup=False,
                soft_wrap=True,
            )
            await _interrupted()


async def _interrupted() -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
