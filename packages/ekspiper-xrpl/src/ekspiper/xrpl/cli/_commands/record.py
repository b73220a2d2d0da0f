"""`ekspiper record`: make a recording."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ekspiper.core import Delivery, EkspiperError, draining_on_signals, registry, replace_file
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.recorder import record_server, record_state, recorder_pipeline
from ekspiper.xrpl.sources import LedgerRange

from .._interruption import run_interruptible
from .._invocation import this_command
from .._logs import tell
from .._options import ConnectTimeout, Json, Network, Ranges, chosen_network, path
from .._progress import counting_ledgers
from .._streams import say_json

__all__ = ["record"]


def record(
    ranges: Ranges,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", parser=path, help="Folder to make."),
    ],
    network: Network = None,
    state: Annotated[
        bool, typer.Option("--state", help="Record the whole state of the last ledger as well.")
    ] = False,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Record ledgers, for `ekspiper replay`.

    The books and pools that the ledgers touched are recorded as well. When it is interrupted, the
    exit code is 1; run it again to continue.

    Examples:
      ekspiper record 240:+10 --out out/recording
      ekspiper record -100: -n mainnet --out out/recording --state
    """
    folder = OutputFolder(out, command="record", foreign="*.jsonl.gz")
    chosen = chosen_network(network)
    work = _record(chosen, ranges, folder, state, as_json, connect_timeout)
    raise typer.Exit(run_interruptible(work))


async def _record(
    network: str,
    ranges: list[str],
    folder: OutputFolder,
    state: bool,
    as_json: bool,
    connect_timeout: float | None,
) -> int:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        source = LedgerRange(opened.pool, ranges)
        await source.open()
        pipeline = recorder_pipeline(
            source, opened.pool, file=lambda name: _file(folder.path, name)
        )
        run = pipeline.start(checkpoint=folder.checkpoint)
        with draining_on_signals(run), counting_ledgers(run, len(source.ledgers)):
            await run.finish()
        if run.draining:
            tell("Stopped on request; run it again to continue.")
            return 1
        await _record_rest(opened, folder.path, source.ledgers.last, state)
    if as_json:
        say_json({"folder": str(folder.path), "ledgers": str(source.ledgers)})
    else:
        tell(
            f"{len(source.ledgers):,} ledgers ({source.ledgers}) recorded in {folder.path}.\n"
            f"Try next:  {this_command()} replay {folder.path}"
        )
    return 0


async def _record_rest(opened: OpenNetwork, path: Path, last: int, state: bool) -> None:
    _write(path / "server.jsonl.gz", await record_server(opened.pool))
    if state:
        lines = [line async for line in record_state(opened.pool, last)]
        _write(path / f"ledger_data_v2_binary_{last}.jsonl.gz", lines)


def _file(path: Path, name: str) -> Delivery:
    made = registry.load("collectors", "jsonl")(path / f"{name}.jsonl.gz", compression="gzip")
    return Delivery(made, name=name)


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    try:
        replace_file(path, gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines)))
    except OSError as error:
        raise EkspiperError(
            f"cannot write {path}: {error.strerror or error}; run it again to continue"
        ) from error
