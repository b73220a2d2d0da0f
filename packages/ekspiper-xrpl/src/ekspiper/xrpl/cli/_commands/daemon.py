"""`ekspiper daemon`: follow the ledger and run all flows."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ekspiper.core import ConfigError

from .._interruption import run_interruptible
from .._invocation import this_command
from .._logs import set_up_logs, tell
from .._options import (
    ConfigFile,
    Json,
    Network,
    Out,
    State,
    Trust,
    chosen_network,
    log_options,
)
from .._progress import DaemonProgress
from .._streams import say_json

__all__ = ["daemon"]


First = Annotated[
    int | None,
    typer.Option("--from", metavar="L", help="First ledger. [default: the newest]"),
]
Until = Annotated[
    int | None, typer.Option("--until", metavar="L", help="Last ledger; then it ends.")
]
DaemonConnectTimeout = Annotated[
    float | None,
    typer.Option(metavar="S", help="Give up when no node answers for S seconds. [default: never]"),
]
LedgerTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        help="Wait S seconds for a ledger that no node serves before it is a dead letter. "
        "[default: 3600, with --until 30]",
    ),
]
AdoptCheckpoint = Annotated[
    bool,
    typer.Option(
        "--adopt-checkpoint",
        help="Continue from a checkpoint that was written with other collectors: new ones "
        "begin at its position, what it holds of those that are gone is dropped, and a copy "
        "of it is kept. For one start only.",
    ),
]
HttpAddress = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|off",
        help="Where /health, /ready and /metrics are. [default: 127.0.0.1:9464; "
        "any free port on the sample network]",
    ),
]


def daemon(
    context: typer.Context,
    network: Network = None,
    config: ConfigFile = None,
    out: Out = None,
    state: State = None,
    trust: Trust = None,
    first: First = None,
    until: Until = None,
    connect_timeout: DaemonConnectTimeout = None,
    ledger_timeout: LedgerTimeout = None,
    adopt: AdoptCheckpoint = False,
    http: HttpAddress = None,
    as_json: Json = False,
) -> None:
    """Follow the ledger, prove each one, and record what is in it.

    With --out it writes DIR/transactions.jsonl, DIR/ledgers.jsonl, DIR/book_offers.jsonl and
    DIR/amms.jsonl, and continues where it stopped when it is run again. With collectors in the
    configuration it needs no --out: --state holds what it needs to continue. Without any of these
    it writes records to standard output, and starts over each time.

    SIGINT, SIGTERM or SIGHUP drains: what was read is kept, then it ends. A second SIGINT or
    SIGTERM stops at once.

    Everything else is set in the configuration: how nodes are asked ([node]), how the flows run
    ([pipeline]), and where records go ([collectors.NAME], [dead_letters]). A variable such as
    EKSPIPER_NODE__LIVENESS is node.liveness.

    Examples:
      ekspiper daemon --network sample --out out/sample
      ekspiper daemon --network mainnet --config ekspiper.toml
    """
    # Not for `--help`, or for an option that does not exist.
    from ekspiper.xrpl.config import load_settings
    from ekspiper.xrpl.daemon import Daemon, summary, summary_as_json

    settings = load_settings(
        config,
        network=network,
        out=out,
        state=state,
        trust=trust,
        **{"from": first},
        until=until,
        node=_given(connect_timeout=connect_timeout, ledger_timeout=ledger_timeout),
        http=_http(http),
    )
    given = log_options(context)
    # Again, now that the configuration is read; the command line has the last word.
    set_up_logs(**{"level": settings.log_level, "format": settings.log_format, **given})
    # Said only where nobody chose it: a configuration that names the sample means it.
    if network is None and settings.network == "sample":
        chosen_network(None)
    progress = DaemonProgress(queues=given.get("level") == "debug")
    # 0, as a service manager that stops a daemon before it runs has got what it wanted.
    outcome = run_interruptible(Daemon(settings, progress=progress, adopt=adopt).run(), code=0)
    if not as_json:
        tell(summary(outcome, program=this_command()))
    else:
        say_json(summary_as_json(outcome), beside_records=outcome.settings.has_standard_output)
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
    # An address of IPv6 stands in brackets before its port. A port alone is for this machine only:
    # what the daemon shows is not for everybody.
    return {"host": host.strip("[]") or "127.0.0.1", "port": int(port)}
