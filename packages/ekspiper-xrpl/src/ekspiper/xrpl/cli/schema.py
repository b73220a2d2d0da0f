"""`ekspiper schema`: show, export, compare and collect schemas."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

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
from ..schema.show import schema_text
from ..sources.ledger_range import LedgerRange
from .options import Network, say_sample

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
) -> None:
    """Show the fields of a schema; without TYPE, the names of all."""
    if name is None:
        typer.echo("\n".join(schema_names(Formats())))
        return
    typer.echo(schema_text(find_schema(name), depth=depth), nl=False)


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
) -> None:
    """Export a schema for Arrow, BigQuery, JSON Schema or PostgreSQL."""
    text = export_schema(name, format)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}") from error


@schema.command()
def diff(network: Network = None) -> None:
    """Compare the bundled definitions with those of a network's node."""
    chosen = network or "sample"
    say_sample(chosen, network)
    node = asyncio.run(_definitions(chosen))
    found = differences(Definitions.bundled(), node)
    for difference in found:
        typer.echo(str(difference))
    typer.echo(f"{len(found):,} differences (- only bundled, + only at the node, ~ changed).")


@schema.command()
def collect(
    ranges: Annotated[
        list[str], typer.Argument(metavar="RANGE...", help="FIRST:LAST, FIRST:+COUNT, or -COUNT:.")
    ],
    network: Network = None,
) -> None:
    """List the attributes and types that transactions really have, with counts and an example."""
    chosen = network or "sample"
    say_sample(chosen, network)
    seen = asyncio.run(_collect(chosen, ranges))
    table = Table(box=None, pad_edge=False)
    for heading in ("object", "attribute", "type", "count", "example ledger"):
        table.add_column(heading, no_wrap=True)
    for each in seen.rows():
        table.add_row(each.object, each.path, each.type, f"{each.count:,}", str(each.ledger_index))
    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)


async def _definitions(network: str) -> Definitions:
    async with open_network(network) as opened:
        return Definitions.from_server(await opened.pool.request({"command": "server_definitions"}))


async def _collect(network: str, ranges: list[str]) -> CollectAttributes:
    attributes = CollectAttributes()
    async with open_network(network) as opened:
        ledgers, transactions, records = Queue("ledgers"), Queue("transactions"), Queue("records")
        fetch = Step(FetchLedger(opened.pool), concurrency=16, collectors=(ledgers,))
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
                steps=(Step(TransactionEtl(), collectors=(records,)),),
            ),
            Flow("collect-attributes", source=records, steps=(Step(attributes),)),
        )
        run = pipeline.start()
        with draining_on_signals(run):
            await run.finish()
    return attributes
