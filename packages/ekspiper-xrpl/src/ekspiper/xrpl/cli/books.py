"""`ekspiper books`: whole order books at one ledger."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ekspiper.core import Collector, Flow, PassThrough, Pipeline, Step, registry
from ekspiper.core.runner.signals import draining_on_signals

from ..open_network import open_network
from ..output_folder import OutputFolder
from ..whole_books import WholeBooks, read_books
from .interruptible import run_interruptible
from .logs import console
from .options import ConnectTimeout, Ledger, Network, Out, say_sample

__all__ = ["books"]


def books(
    ledger: Ledger = None,
    network: Network = None,
    out: Out = None,
    parallel: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Parts of the state read at once.")
    ] = 8,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """All offers of every order book at one ledger, beyond the 100 that a server gives.

    They come from the whole state, which is read and proven. One JSON line for each side of each
    book, to standard output, or to DIR/book_offers.jsonl with --out. Offers are as the ledger holds
    them, without what servers add of what an owner can pay (owner_funds).
    """
    chosen = network or "sample"
    say_sample(chosen, network)
    folder = OutputFolder(out, command="books") if out is not None else None
    run_interruptible(_books(chosen, ledger, folder, parallel, connect_timeout))


async def _books(
    network: str,
    ledger: int | None,
    folder: OutputFolder | None,
    parallel: int,
    connect_timeout: float | None,
) -> None:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        found = await read_books(opened.pool, ledger, parallel=parallel)
    if await _write(found, folder):
        nothing = ", so that no file is" if folder else ""
        console.print(f"Stopped on request: not all books are written{nothing}.")
        return
    where = f" to {folder.table('book_offers')}" if folder else ""
    console.print(
        f"{found.offers:,} offers{where}, all proven by the ledger's account_hash.",
        soft_wrap=True,
        markup=False,
    )


async def _write(found: WholeBooks, folder: OutputFolder | None) -> bool:
    """Write every book, to a file whole or not at all; whether a signal came before the last."""
    if folder is None:
        return await _hand_on(found, registry.load("collectors", "stdout")())
    file = folder.table("book_offers")
    aside = file.with_name(f".{file.name}.part")
    with folder.locked():
        aside.unlink(missing_ok=True)
        try:
            stopped = await _hand_on(found, registry.load("collectors", "jsonl")(aside))
            if not stopped:
                aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    return stopped


async def _hand_on(found: WholeBooks, collector: Collector[Any]) -> bool:
    step = Step(PassThrough(), collectors=(collector,))
    run = Pipeline(Flow("whole-books", source=found.records(), steps=(step,))).start()
    with draining_on_signals(run):
        await run.finish()
    return run.draining
