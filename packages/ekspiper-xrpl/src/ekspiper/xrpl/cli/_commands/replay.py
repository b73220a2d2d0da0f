"""`ekspiper replay`: serve a recording as a node would."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ekspiper.xrpl.replay import KINDS, FaultPlan, Recording, ReplayNode

from .._interruption import Interrupted, run_interruptible
from .._logs import tell
from .._options import not_empty, path_argument

__all__ = ["replay"]


def replay(
    folder: Annotated[
        Path, path_argument("DIR", "The recording; `sample` for the one that comes with us.")
    ],
    port: Annotated[
        int, typer.Option(metavar="P", min=0, max=65535, help="Port; 0 for any free one.")
        # The port of rippled's WebSocket in its example configuration: clients have it already.
    ] = 6006,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", parser=not_empty, help="Address to listen on.")
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
            parser=not_empty,
            help="Faults, for example disconnect:0.02,seed=7. Kinds: " + ", ".join(KINDS) + ".",
        ),
    ] = None,
) -> None:
    """Serve a recording as a node would.

    It speaks WebSocket and JSON-RPC, until it is interrupted. --faults takes
    KIND[:PROBABILITY][@LEDGERS][*TIMES][=AMOUNT], with commas, and seed=N.

    Examples:
      ekspiper replay sample --close-every 4
      ekspiper replay out/recording --faults disconnect:0.02,seed=7
    """
    with suppress(Interrupted):  # the way in which it is meant to end
        run_interruptible(_serve(folder, host, port, close_every, faults))


async def _serve(
    folder: Path, host: str, port: int, close_every: float | None, faults: str | None
) -> None:
    # A folder called `sample` can be given as `./sample`.
    recording = Recording.sample() if str(folder) == "sample" else Recording.load(folder)
    with recording:
        plan = FaultPlan.parse(faults) if faults else None
        node = ReplayNode(recording, host=host, port=port, close_every=close_every, faults=plan)
        async with node:
            tell(
                f"Serving ledgers {recording.first} to {recording.last} on {node.url} "
                f"(JSON-RPC on {node.http_url}); Ctrl-C ends it."
            )
            await asyncio.Event().wait()  # until a signal cancels it
