"""Feeds the dead letters of a daemon's folder back into its flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError, DeadLetter, DeadLetterFile, NoInstruments, Report

from ..config import Settings
from ..ledger import Ledger
from ..open_network import open_network
from ..output_folder import OutputFolder
from ..processors.fetch_ledger import FetchLedger
from ..sources.ledger_ref import LedgerRef
from .adoption_advice import advising_adoption
from .daemon import Daemon
from .outlets import dead_letter_collector
from .progress import Progress

__all__ = ["redeliver"]

_TAKE_LEDGERS = ("build-requests", "amm-record", "ledger-to-transactions", "ledger-record")
_TAKE_TRANSACTIONS = ("etl",)


async def redeliver(settings: Settings, *, progress: Progress) -> Report | None:
    """Process every dead letter of the folder `out` again; None when there is none.

    What fails again is in the folder's new dead letters. Interrupted, it begins again with the
    letters of the first try. Records that come out stand behind those that are there already.

    Raises:
        ConfigError: there is no folder, or a line of the file is no dead letter.
    """
    if settings.out is None:
        raise ConfigError("redeliver needs the daemon's folder: --out DIR")
    if not settings.out.is_dir():
        raise ConfigError(f"no dead letters: {settings.out} is not a folder")
    letters = _take_letters(settings.out)
    if letters is None:
        return None
    folder = OutputFolder(settings.out, command="daemon")
    # Somebody waits for this: a ledger that no node has is told soon, and not waited for.
    options = settings.node.model_dump(exclude={"ledger_patience"})
    async with open_network(settings.network, **options) as network:
        ledgers = await _fetch_ledgers(
            letters, FetchLedger(network.pool, definitions=network.definitions)
        )
        daemon = Daemon(settings, progress=progress)
        pipeline = daemon.pipeline(network, daemon.etl(network, NoInstruments()))
        with advising_adoption():
            report = await pipeline.redeliver(
                letters,
                decode=lambda letter: _item_of(letter, ledgers),
                checkpoint=folder.checkpoint,
                dead_letters=dead_letter_collector(settings, network=network.name),
                signals=True,
            )
    if not report.drained:
        letters.path.unlink()
    return report


def _take_letters(out: Path) -> DeadLetterFile | None:
    """The letters to process, set aside from those that will be new."""
    path, aside = out / "dead_letters.jsonl", out / "dead_letters.redelivering.jsonl"
    if not aside.exists():
        if not path.exists() or not path.stat().st_size:
            return None
        path.replace(aside)
    return DeadLetterFile(aside)


async def _fetch_ledgers(letters: DeadLetterFile, fetch: FetchLedger) -> dict[int, Ledger]:
    """The ledgers that letters of later steps are about: a letter holds only their names."""
    wanted = {
        int(letter.item["ledger_index"])
        for letter in letters.letters()
        if letter.collector is None and letter.step in (*_TAKE_LEDGERS, *_TAKE_TRANSACTIONS)
    }
    return {index: await fetch.fetch(LedgerRef(index)) for index in sorted(wanted)}


def _item_of(letter: DeadLetter, ledgers: dict[int, Ledger]) -> Any:
    item = letter.item
    if letter.collector is not None:
        return item
    if letter.step == "ledger-details":
        return LedgerRef(**item)
    if letter.step in _TAKE_LEDGERS:
        return ledgers[int(item["ledger_index"])]
    if letter.step in _TAKE_TRANSACTIONS:
        return ledgers[int(item["ledger_index"])].transactions[int(item["index"])]
    return item
