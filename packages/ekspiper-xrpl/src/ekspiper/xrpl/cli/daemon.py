"""`ekspiper daemon`: follow the ledger and run all flows."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ekspiper.core import ConfigError

from ..config import load_settings
from ..daemon import Daemon, Progress, summary
from .interruptible import run_interruptible
from .logs import console, log_to_stderr
from .options import ConfigFile, Network, Out, State, say_sample

__all__ = ["daemon"]


def daemon(
    context: typer.Context,
    network: Network = None,
    config: ConfigFile = None,
    out: Out = None,
    state: State = None,
    first: Annotated[
        int | None,
        typer.Option("--from", metavar="L", help="First ledger. [default: the newest]"),
    ] = None,
    until: Annotated[
        int | None, typer.Option("--until", metavar="L", help="Last ledger; then it ends.")
    ] = None,
    connect_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Give up when no node answers for S seconds. [default: never]"
        ),
    ] = None,
    ledger_patience: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Wait S seconds for a ledger that no node serves before it is a dead letter. "
            "[default: 3600, with --until 30]",
        ),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt-checkpoint",
            help="Go on from a checkpoint that was taken with other collectors: those that are "
            "new begin at its position, what it knows of those that are gone is dropped, and a "
            "copy of it is kept. For one start only.",
        ),
    ] = False,
    http: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|off",
            help="Where /health, /ready and /metrics are. [default: 127.0.0.1:9464; "
            "any free port on the sample network]",
        ),
    ] = None,
) -> None:
    """Follow the ledger: verify each one, and record transactions, ledgers and book offers.

    With --out it writes DIR/transactions.jsonl, DIR/ledgers.jsonl and DIR/book_offers.jsonl, and
    goes on where it stopped when it is run again. With collectors in the configuration it needs
    no --out: it goes on by the state in --state. Without any of these it writes records to
    standard output, and begins anew each time.

    SIGINT or SIGTERM drains: what was read is kept, then it ends. A second one stops at once.

    Everything else is set in the configuration: how nodes are asked ([node]), how the flows run
    ([pipeline]), and where records go ([collectors.NAME], [dead_letters]). A variable such as
    EKSPIPER_NODE__LIVENESS is node.liveness.

    Examples:

      ekspiper daemon --network sample --out out/sample

      ekspiper daemon --network mainnet --config ekspiper.toml
    """
    settings = load_settings(
        config,
        network=network,
        out=out,
        state=state,
        **{"from": first},
        until=until,
        node=_given(connect_timeout=connect_timeout, ledger_patience=ledger_patience),
        http=_http(http),
    )
    if not context.obj:
        log_to_stderr(settings.log_level)
    say_sample(settings.network, network)
    outcome = run_interruptible(Daemon(settings, progress=Progress(console), adopt=adopt).run())
    console.print(summary(outcome), markup=False, soft_wrap=True)
    if outcome.report.dead_lettered or outcome.report.dropped:
        raise typer.Exit(3)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _http(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    if text == "off":
        return {"enabled": False}
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise ConfigError(
            f"--http takes HOST:PORT or off, for example 127.0.0.1:9464, not {text!r}"
        )
    return {"host": host.strip("[]") or "127.0.0.1", "port": int(port)}
