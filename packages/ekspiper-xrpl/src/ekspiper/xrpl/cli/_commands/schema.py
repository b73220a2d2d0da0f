"""`ekspiper schema`: show, export, compare and collect schemas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ekspiper.core import (
    ConfigError,
    EkspiperError,
    Flow,
    Pipeline,
    Queue,
    Step,
    draining_on_signals,
)
from ekspiper.xrpl.client import NodeUnreachable, RequestError
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.processors import CollectAttributes, FetchLedger, SplitLedger, TransactionEtl
from ekspiper.xrpl.schema import (
    EXPORTS,
    Formats,
    export_schema,
    find_schema,
    schema_names,
    schema_text,
    text_columns,
)
from ekspiper.xrpl.schema import diff as differences
from ekspiper.xrpl.sources import LedgerRange

from .._help import Command, Group
from .._interruption import run_interruptible
from .._options import (
    ConnectTimeout,
    KnownTo,
    Network,
    Ranges,
    chosen_network,
    known_definitions,
    path,
)
from .._streams import say

__all__ = ["collect", "diff", "export", "schema", "show"]

schema = typer.Typer(
    name="schema",
    cls=Group,
    help="""Show, export and compare the schemas of records.

    They are compiled from the definitions of a network.

    Examples:
      ekspiper schema show Payment
      ekspiper schema export --format postgres
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@schema.command(cls=Command)
def show(
    name: Annotated[
        str | None,
        typer.Argument(metavar="TYPE", help="A table, transaction type or ledger entry type."),
    ] = None,
    depth: Annotated[int, typer.Option(metavar="N", min=1, help="Levels of nested fields.")] = 1,
    network: KnownTo = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show the fields of a schema; without TYPE, the names of all.

    Examples:
      ekspiper schema show
      ekspiper schema show Payment --depth 2
    """
    formats = Formats(known_definitions(network, connect_timeout))
    if name is None:
        say("\n".join(schema_names(formats)))
        return
    say(schema_text(find_schema(name, formats), depth=depth), end="")


@schema.command(cls=Command)
def export(
    name: Annotated[
        str, typer.Argument(metavar="TYPE", help="A table, transaction or ledger entry type.")
    ] = "transactions",
    format: Annotated[
        str, typer.Option(metavar="|".join(EXPORTS), help="What to export it as.")
    ] = "json-schema",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            parser=path,
            help="File to write. [default: standard output]",
        ),
    ] = None,
    network: KnownTo = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Export a schema for Arrow, BigQuery, JSON Schema or PostgreSQL.

    Examples:
      ekspiper schema export Payment > payment.json
      ekspiper schema export --format arrow --out transactions.arrow
    """
    # A terminal would show the bytes, and some of them change how it works from then on.
    if out is None and format == "arrow" and sys.stdout.isatty():
        raise ConfigError("arrow is binary: give --out FILE; `ekspiper schema show` is for people")
    content = export_schema(name, format, Formats(known_definitions(network, connect_timeout)))
    if out is None:
        say(content)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}") from error


@schema.command(cls=Command)
def diff(network: Network = None, connect_timeout: ConnectTimeout = None) -> None:
    """Compare the bundled definitions with those of a network's node.

    Examples:
      ekspiper schema diff
      ekspiper schema diff --network mainnet
    """
    chosen = chosen_network(network)
    node = run_interruptible(_definitions(chosen, connect_timeout))
    found = differences(Definitions.bundled(), node)
    for difference in found:
        say(str(difference))
    say(f"{len(found):,} differences (- only bundled, + only at the node, ~ changed).")
    if not node.transaction_formats:
        say("Formats were not compared: the node is too old to give any.")


@schema.command(cls=Command)
def collect(
    ranges: Ranges,
    network: Network = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """List the attributes and types that transactions really have.

    Each comes with a count and the index of a ledger that has it.

    Examples:
      ekspiper schema collect 478:498
      ekspiper schema collect -1000: --network mainnet
    """
    chosen = chosen_network(network)
    seen = run_interruptible(_collect(chosen, ranges, connect_timeout))
    rows = [("object", "attribute", "type", "count", "example ledger")]
    for each in seen.rows():
        rows.append((each.object, each.path, each.type, f"{each.count:,}", str(each.ledger_index)))
    say("\n".join(text_columns(rows)))


async def _definitions(network: str, connect_timeout: float | None) -> Definitions:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        try:
            # `open_network` falls back to the bundled ones where no node gives any; then there
            # would be nothing to compare, and it would look like no difference.
            answer = await opened.pool.ask_once({"command": "server_definitions"})
        except (RequestError, NodeUnreachable) as error:
            raise EkspiperError(
                f"nothing was compared, as no node gives its definitions: {error}"
            ) from error
        return Definitions.from_server(answer.result)


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
            # A step without collectors: the counts are all that is kept.
            Flow("collect-attributes", source=records, steps=(Step(attributes),)),
        )
        run = pipeline.start()
        with draining_on_signals(run):
            await run.finish()
    return attributes
