"""`ekspiper redeliver`: feed dead letters back."""

from __future__ import annotations

import asyncio

import typer

from ..config import load_settings
from ..daemon import Progress
from ..daemon import redeliver as redeliver_letters
from .logs import console
from .options import ConfigFile, Network, Out, State, say_sample

__all__ = ["redeliver"]


def redeliver(
    network: Network = None, config: ConfigFile = None, out: Out = None, state: State = None
) -> None:
    """Process the dead letters of a daemon again, after their cause was repaired.

    Each enters where it failed. Stop the daemon before, and give the configuration and the
    folder that it had. What fails again is in the new dead letters, and the exit code is 3 then.
    """
    settings = load_settings(config, network=network, out=out, state=state)
    say_sample(settings.network, network)
    report = asyncio.run(redeliver_letters(settings, progress=Progress(console)))
    if report is None:
        console.print("There are no dead letters.")
        return
    console.print(
        f"{report.kept:,} of {report.read:,} dead letters are kept now, "
        f"{report.dead_lettered:,} failed again.",
        soft_wrap=True,
    )
    if report.dead_lettered:
        raise typer.Exit(3)
