"""`ekspiper verify`: audit files that were written before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..audit import audit
from .known_definitions import KnownTo, known_definitions
from .options import ConnectTimeout

__all__ = ["verify"]

_SHOWN = 20


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with records.")],
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Hash every transaction again; some thousand a second."),
    ] = False,
    network: KnownTo = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Check that a folder's ledgers form an unbroken chain and miss no transaction.

    Works on JSON lines and on Parquet, and asks no node; only where records have fields that the
    bundled definitions do not know yet, --deep needs a --network. Exit code 1 when something is
    wrong.
    """
    definitions = known_definitions(network, connect_timeout)
    report = audit(folder, deep=deep, definitions=definitions)
    typer.echo(
        f"{len(report.ledgers):,} ledgers ({report.ledgers}), {report.transactions:,} transactions."
    )
    if report.gaps:
        typer.echo(f"Not there: {report.gaps}.")
    for fault in report.faults[:_SHOWN]:
        typer.echo(f"  {fault}", err=True)
    if len(report.faults) > _SHOWN:
        typer.echo(f"  and {len(report.faults) - _SHOWN:,} more", err=True)
    if report.faults:
        count = len(report.faults)
        typer.echo("1 fault." if count == 1 else f"{count:,} faults.", err=True)
        raise typer.Exit(1)
    typer.echo(
        "Every header hashes to its ledger's hash, every parent is the ledger before, "
        "and no transaction is missing."
    )
    if deep:
        typer.echo(f"Transactions of {report.proven:,} ledgers hash to their transaction_hash.")
