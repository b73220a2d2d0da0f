"""`ekspiper redeliver`: feed dead letters back."""

from __future__ import annotations

import asyncio

import typer

from .._logs import set_up_logs, tell
from .._options import ConfigFile, Json, Network, Out, State, chosen_network, log_options
from .._streams import say_json

__all__ = ["redeliver"]


def redeliver(
    context: typer.Context,
    network: Network = None,
    config: ConfigFile = None,
    out: Out = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Process a daemon's dead letters again.

    Do this when the cause is repaired. Each letter enters the flows where it failed. Stop the daemon
    first, and give the configuration and the folder that it had. What fails again becomes a dead
    letter again, and then the exit code is 3.

    Examples:
      ekspiper redeliver --network sample --out out/sample
      ekspiper redeliver --config ekspiper.toml
    """
    from ekspiper.xrpl.config import load_settings
    from ekspiper.xrpl.daemon import redeliver as redeliver_letters

    settings = load_settings(config, network=network, out=out, state=state)
    set_up_logs(
        **{"level": settings.log_level, "format": settings.log_format, **log_options(context)}
    )
    if network is None and settings.network == "sample":
        chosen_network(None)
    # Not `run_interruptible`: the redelivery takes the signals itself, and letters of one that was
    # interrupted stay for the next call.
    report = asyncio.run(redeliver_letters(settings))
    read, kept, failed = (
        (report.read, report.kept, report.dead_lettered) if report is not None else (0, 0, 0)
    )
    if as_json:
        say_json({"read": read, "kept": kept, "failed": failed})
    elif report is None:
        tell("No dead letters: nothing to do.")
    else:
        tell(f"{kept:,} of {read:,} dead letters are kept now, {failed:,} failed again.")
    if failed:
        raise typer.Exit(3)
