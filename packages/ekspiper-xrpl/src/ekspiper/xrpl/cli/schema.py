"""`ekspiper schema`: show, export, compare and collect schemas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ekspiper.core import ConfigError, Flow, Pipeline, Queue, Step
from ekspiper.core.runner.signals import draining_on_signals

from ..codec.definitions import Definitions
from ..open_network import open_network
from ..processors.collect_attributes import CollectAttributes
from ..processors.fetch_ledger import FetchLedger
from ..processors.split_ledger import SplitLedger
from ..processors.transaction_etl import TransactionEtl
from ..schema.diff import diff as differences
from ..schema.export import EXPORTS, export_schema, find_schema, schema_names
from ..schema.formats import Formats
from ..schema.show import schema_text, text_columns
from ..sources.ledger_range import LedgerRange
from .interruptible import run_interruptible
from .known_definitions import KnownTo, known_definitions
from .options import ConnectTimeout, Network, say_sample

__all__ = ["collect", "diff", "export", "schema", "show"]

schema = typer.Typer(
    name="schema",
    help="Schemas of all records, compiled from the network's definitions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@schema.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[TYPE]", help="A table, transaction type or ledger entry type."),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Levels of nested fields.")] = 1,
    network: KnownTo = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show the fields of a schema; without TYPE, the names of all."""
    formats = Formats(known_definitions(network, connect_timeout))
    if name is None:
        typer.echo("\n".join(schema_names(formats)))
        return
    typer.echo(schema_text(find_schema(name, formats), depth=depth), nl=False)


@schema.command()
def export(
    name: Annotated[
        str, typer.Argument(metavar="TYPE", help="A table, transaction or ledger entry type.")
    ] = "transactions",
    format: Annotated[
        str, typer.Option(metavar="|".join(EXPORTS), help="What to export it as.")
    ] = "json-schema",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="[default: standard output]")
    ] = None,
    network: KnownTo = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Export a schema for Arrow, BigQuery, JSON Schema or PostgreSQL."""
    if out is None and format == "arrow" and sys.stdout.isatty():
        raise ConfigError("arrow is binary: give --out FILE; `ekspiper schema show` is for people")
    content = export_schema(name, format, Formats(known_definitions(network, connect_timeout)))
    if out is None:
        typer.echo(content, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}") from error


@schema.command()
def diff(network: Network = None, connect_timeout: ConnectTimeout = None) -> None:
    """Compare the bundled definitions with those of a network's node."""
    chosen = network or "sample"
    say_sample(chosen, network)
    node = run_interruptible(_definitions(chosen, connect_timeout))
    found = differences(Definitions.bundled(), node)
    for difference in found:
        typer.echo(str(difference))
    typer.echo(f"{len(found):,} differences (- only bundled, + only at the node, ~ changed).")
    if not node.transaction_formats:
        typer.echo("Formats were not compared: the node is too old to give any.")


@schema.command()
def collect(
    ranges: Annotated[
        list[str], typer.Argument(metavar="RANGE...", help="FIRST:LAST, FIRST:+COUNT, or -COUNT:.")
    ],
    network: Network = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """List the attributes and types that transactions really have, with counts and an example."""
    chosen = network or "sample"
    say_sample(chosen, network)
    seen = run_interruptible(_collect(chosen, ranges, connect_timeout))
    rows = [("object", "attribute", "type", "count", "example ledger")]
    for each in seen.rows():
        rows.append((each.object, each.path, each.type, f"{each.count:,}", str(each.ledger_index)))
    typer.echo("\n".join(text_columns(rows)))


async def _definitions(network: str, connect_timeout: float | None) -> Definitions:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        return Definitions.from_server(await opened.pool.request({"command": "server_definitions"}))


async def _collect(
    network: str, ranges: list[str], connect_timeout: float | None
) -> CollectAttributes:
    attributes = CollectAttributes()
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        known = opened.definitions
        ledgers, transactions, records = Queue("ledgers"), Queue("transactions"), Queue("records")
        fetch = Step(
            FetchLedger(opened.pool, definitions=known), concurrency=16, collectors=(ledgers,)
        )
        pipeline = Pipeline(
            Flow("ledger-details", source=LedgerRange(opened.pool, ranges), steps=(fetch,)),
            Flow(
                "ledger-to-transactions",
                source=ledgers,
                steps=(Step(SplitLedger(), collectors=(transactions,)),),
            ),
            Flow(
                "transaction-record",
                source=transactions,
                steps=(Step(TransactionEtl(known), collectors=(records,)),),
            ),
            Flow("collect-attributes", source=records, steps=(Step(attributes),)),
        )
        run = pipeline.start()
        with draining_on_signals(run):
            await run.finish()
    return attributes
