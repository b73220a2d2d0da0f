"""`ekspiper verify`: audit files that were written before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ekspiper.xrpl.audit import audit

from .._logs import tell
from .._options import ConnectTimeout, Json, KnownTo, known_network, path_argument
from .._streams import say, say_json

__all__ = ["verify"]

_SHOWN = 20


def verify(
    folder: Annotated[Path, path_argument("DIR", "A folder with records.")],
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Prove every record; some thousand a second."),
    ] = False,
    network: KnownTo = None,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Check files that were written before.

    The folder's ledgers must form an unbroken chain, and no transaction may be missing. Reads JSON
    lines and Parquet, and asks no node; only where records have fields that the bundled definitions
    do not know yet, --deep needs a --network. Exit code 1 when something is wrong.

    Examples:
      ekspiper verify out/sample
      ekspiper verify out/sample --deep --json
    """
    definitions, network_id = known_network(network, connect_timeout)
    report = audit(folder, deep=deep, definitions=definitions, network_id=network_id)
    if as_json:
        say_json(
            {
                "folder": str(folder),
                "ledgers": str(report.ledgers),
                "transactions": report.transactions,
                "gaps": str(report.gaps),
                "faults": [str(fault) for fault in report.faults],
                "proven": report.proven,
            }
        )
        raise typer.Exit(1 if report.faults else 0)
    say(
        f"{len(report.ledgers):,} ledgers ({report.ledgers}), {report.transactions:,} transactions."
    )
    if report.gaps:
        say(f"Not there: {report.gaps}.")
    for fault in report.faults[:_SHOWN]:
        tell(f"  {fault}")
    if len(report.faults) > _SHOWN:
        tell(f"  and {len(report.faults) - _SHOWN:,} more")
    if report.faults:
        count = len(report.faults)
        tell("1 fault." if count == 1 else f"{count:,} faults.")
        raise typer.Exit(1)
    say(
        "Every header hashes to its ledger's hash, every parent is the ledger before, "
        "and no transaction is missing."
    )
    if deep:
        say(f"Transactions of {report.proven:,} ledgers hash to their transaction_hash.")
