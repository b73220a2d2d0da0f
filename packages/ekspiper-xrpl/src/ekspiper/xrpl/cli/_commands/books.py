"""`ekspiper books`: whole order books at one ledger."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ekspiper.core import (
    Collector,
    Flow,
    PassThrough,
    Pipeline,
    Step,
    draining_on_signals,
    registry,
)
from ekspiper.xrpl.open_network import open_network
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.verify import ONLY_HASHED
from ekspiper.xrpl.whole_books import WholeBooks, read_books

from .._interruption import run_interruptible
from .._logs import tell
from .._options import ConnectTimeout, Json, Ledger, Network, Out, chosen_network
from .._streams import say_json

__all__ = ["books"]


def books(
    ledger: Ledger = None,
    network: Network = None,
    out: Out = None,
    parallel: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Parts of the state read at once.")
    ] = 8,
    as_json: Json = False,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Print whole order books at one ledger.

    A server gives at most 100 offers of a book; here are all of them. They come from the whole
    state, which is read and proven. One JSON line for each side of each book, to standard output,
    or to DIR/book_offers.jsonl with --out. Offers are as the ledger holds them, without what
    servers add about the funds of their owners (owner_funds).

    Examples:
      ekspiper books --ledger 540 --out out/books
      ekspiper books | head -1 | python3 -m json.tool
    """
    chosen = chosen_network(network)
    folder = OutputFolder(out, command="books", tables=("book_offers",)) if out else None
    raise typer.Exit(
        run_interruptible(
            _books(chosen, ledger, folder, parallel, connect_timeout, as_json=as_json)
        )
    )


async def _books(
    network: str,
    ledger: int | None,
    folder: OutputFolder | None,
    parallel: int,
    connect_timeout: float | None,
    *,
    as_json: bool,
) -> int:
    async with open_network(network, connect_timeout=connect_timeout) as opened:
        # All books at once: only the whole state can be proven, and offers of one book are all over
        # it.
        found = await read_books(opened.pool, ledger, parallel=parallel)
    # The nodes are not needed any more; a reader that is slow should not hold connections open.
    if await _write(found, folder):
        nothing = ", so that no file is" if folder else ""
        tell(f"Stopped on request: not all books are written{nothing}.")
        return 1
    if as_json:
        content = {"offers": found.offers, "unread": found.unread, "verified": True}
        say_json(content, beside_records=folder is None)
        return 0
    where = f" to {folder.table('book_offers')}" if folder else ""
    tell(f"{found.offers:,} offers{where}, all proven by the ledger's account_hash.")
    tell(ONLY_HASHED)
    return 0


async def _write(found: WholeBooks, folder: OutputFolder | None) -> bool:
    """Write every book, to a file whole or not at all; whether a signal came before the last."""
    if folder is None:
        return await _hand_on(found, registry.load("collectors", "stdout")())
    file = folder.table("book_offers")
    # Half of the books would look like all of them, so the file appears when it is whole.
    aside = file.with_name(f".{file.name}.part")
    with folder.locked():
        folder.claim()
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
