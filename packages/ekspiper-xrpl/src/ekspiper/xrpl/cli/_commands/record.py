"""`ekspiper record`: make a recording."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ekspiper.core import (
    Delivery,
    EkspiperError,
    Source,
    draining_on_signals,
    registry,
    replace_file,
)
from ekspiper.xrpl.client import LedgerSet, NodePool
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.ranges import ranges_begun
from ekspiper.xrpl.recorder import (
    record_lists,
    record_server,
    record_state,
    record_streams,
    recorder_pipeline,
)
from ekspiper.xrpl.sources import LedgerRange, LedgerStream
from ekspiper.xrpl.trustees import TrustChoice, read_trust, trustees_of

from .._interruption import run_interruptible
from .._invocation import this_command
from .._logs import tell
from .._options import ConnectTimeout, Json, Network, OptionalRanges, Trust, chosen_network, path
from .._progress import counting_ledgers
from .._streams import say_json

__all__ = ["record"]


def record(
    ranges: OptionalRanges = None,
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", parser=path, help="Folder to make."),
    ],
    network: Network = None,
    next_ledgers: Annotated[
        int | None,
        typer.Option(
            "--next",
            metavar="N",
            min=1,
            show_default=False,
            help="Instead of a range: the next N ledgers as they close, with their signatures.",
        ),
    ] = None,
    trust: Trust = None,
    state: Annotated[
        bool, typer.Option("--state", help="Record the whole state of the last ledger as well.")
    ] = False,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Record ledgers, for `ekspiper replay`.

    The books and pools that the ledgers touched are recorded as well, and so is what nodes send by
    themselves meanwhile: who signs the ledgers that close, and with which keys. Servers do not keep
    that, so only --next records ledgers together with their signatures. When it is interrupted, the
    exit code is 1; run it again to continue.

    Examples:
      ekspiper record 478:+10 --out out/recording
      ekspiper record -100: -n mainnet --out out/recording --state
      ekspiper record --next 20 -n testnet --out out/signed
    """
    if bool(ranges) == bool(next_ledgers):
        raise typer.BadParameter("give one or more ranges, or --next N")
    folder = OutputFolder(out, command="record", foreign="*.jsonl.gz")
    chosen = chosen_network(network)
    work = _record(
        chosen,
        ranges or next_ledgers or 0,
        folder,
        read_trust(trust or ()),
        state,
        as_json,
        connect_timeout,
    )
    raise typer.Exit(run_interruptible(work))


async def _record(
    network: str,
    wanted: list[str] | int,
    folder: OutputFolder,
    choice: TrustChoice,
    state: bool,
    as_json: bool,
    connect_timeout: float | None,
) -> int:
    begun = await folder.source_of("ledger-details")
    if begun is not None and isinstance(wanted, list):
        # `-100:` of yesterday are other ledgers today: a recording that was begun keeps the ones it
        # had.
        wanted = ranges_begun(begun, wanted)
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        async with record_streams(opened.pool, folder.path / "stream_v2.jsonl.gz") as streams:
            source, ledgers = await _source(opened.pool, wanted)
            pipeline = recorder_pipeline(
                source, opened.pool, file=lambda name: _file(folder.path, name)
            )
            run = pipeline.start(checkpoint=folder.checkpoint)
            with draining_on_signals(run), counting_ledgers(run, len(ledgers)):
                await run.finish()
            if not run.draining and isinstance(wanted, int):
                # Validations of a ledger still come after it has closed, and nobody can ask for
                # them later.
                await streams.until_after(ledgers.last)
        if run.draining:
            tell("Stopped on request; run it again to continue.")
            return 1
        lists = await record_lists(trustees_of(choice, opened))
        _write_lists(folder.path, lists)
        lines = await record_server(opened.pool, validators=streams.validators)
        _write(folder.path / "server.jsonl.gz", lines)
        if state:
            lines = [line async for line in record_state(opened.pool, ledgers.last)]
            _write(folder.path / f"ledger_data_v2_binary_{ledgers.last}.jsonl.gz", lines)
    if as_json:
        say_json({"folder": str(folder.path), "ledgers": str(ledgers)})
    else:
        tell(
            f"{len(ledgers):,} ledgers ({ledgers}) recorded in {folder.path}.\n"
            f"Try next:  {this_command()} replay {folder.path}"
        )
    return 0


async def _source(pool: NodePool, wanted: list[str] | int) -> tuple[Source[Any], LedgerSet]:
    """What to record: ranges, or a number of ledgers after the newest."""
    if isinstance(wanted, int):
        # From the newest that any node has: the next one may close before the first subscription.
        await pool.refresh()
        first = pool.newest_ledger + 1
        last = first + wanted - 1
        return LedgerStream(pool, start=first, until=last), LedgerSet.of([(first, last)])
    source = LedgerRange(pool, wanted)
    await source.open()
    return source, source.ledgers


def _write_lists(path: Path, documents: list[bytes]) -> None:
    """The first publisher's is `vl.json`: that is the one that the replay node gives by itself."""
    for number, document in enumerate(documents):
        name = "vl.json" if number == 0 else f"vl-{number + 1}.json"
        _replace(path / name, document)


def _file(path: Path, name: str) -> Delivery:
    made = registry.load("collectors", "jsonl")(path / f"{name}.jsonl.gz", compression="gzip")
    return Delivery(made, name=name)


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    _replace(path, gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines)))


def _replace(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as error:
        raise EkspiperError(
            f"cannot write {path}: {error.strerror or error}; run it again to continue"
        ) from error
