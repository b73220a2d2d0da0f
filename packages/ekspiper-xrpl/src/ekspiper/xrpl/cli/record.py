"""`ekspiper record`: make a recording."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ekspiper.core import Delivery, EkspiperError, registry
from ekspiper.core.runner.signals import draining_on_signals

from ..open_network import OpenNetwork, open_network
from ..output_folder import OutputFolder
from ..recorder import record_server, recorder_pipeline
from ..recorder.server import record_state
from ..sources.ledger_range import LedgerRange
from .interruptible import run_interruptible
from .ledger_bar import ledger_bar
from .logs import console
from .options import ConnectTimeout, Network, say_sample

__all__ = ["record"]


def record(
    ranges: Annotated[
        list[str], typer.Argument(metavar="RANGE...", help="FIRST:LAST, FIRST:+COUNT, or -COUNT:.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to make.")],
    network: Network = None,
    state: Annotated[
        bool, typer.Option("--state", help="Record the whole state of the last ledger as well.")
    ] = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Record ledgers, and the books and pools they touched, for `ekspiper replay`.

    Interrupted, it goes on where it stopped when it is run again.
    """
    chosen = network or "sample"
    folder = OutputFolder(out, command="record")
    say_sample(chosen, network)
    run_interruptible(_record(chosen, ranges, folder, state, connect_timeout))


async def _record(
    network: str,
    ranges: list[str],
    folder: OutputFolder,
    state: bool,
    connect_timeout: float | None,
) -> None:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        source = LedgerRange(opened.pool, ranges)
        await source.open()
        pipeline = recorder_pipeline(
            source, opened.pool, file=lambda name: _file(folder.path, name)
        )
        run = pipeline.start(checkpoint=folder.checkpoint)
        bar = ledger_bar(run, len(source.ledgers), console)
        with draining_on_signals(run), bar:
            await run.finish()
        if run.draining:
            console.print("Stopped on request; run it again to go on.")
            return
        await _record_rest(opened, folder.path, source.ledgers.last, state)
    console.print(
        f"{len(source.ledgers):,} ledgers ({source.ledgers}) recorded in {folder.path}.\n"
        f"Try next:  ekspiper replay {folder.path}",
        soft_wrap=True,
        markup=False,
    )


async def _record_rest(opened: OpenNetwork, path: Path, last: int, state: bool) -> None:
    _write(path / "server.jsonl.gz", await record_server(opened.pool))
    if state:
        lines = [line async for line in record_state(opened.pool, last)]
        _write(path / f"ledger_data_v2_binary_{last}.jsonl.gz", lines)


def _file(path: Path, name: str) -> Delivery:
    made = registry.load("collectors", "jsonl")(path / f"{name}.jsonl.gz", compression="gzip")
    return Delivery(made, name=name)


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_bytes(gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines)))
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise EkspiperError(
            f"cannot write {path}: {error.strerror or error}; run it again to go on"
        ) from error
