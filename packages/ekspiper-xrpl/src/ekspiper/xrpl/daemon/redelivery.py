"""Feeds the dead letters of a daemon's folder back into its flows."""

from __future__ import annotations

from typing import Any

from ekspiper.core import ConfigError, DeadLetter, DeadLetterFile, NoInstruments, Report
from ekspiper.xrpl.attestation import Notary
from ekspiper.xrpl.config import Settings
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerRef

from ..ledger import Ledger
from ..networks import CUSTOM, find_network
from ..open_network import open_network
from ..output_folder import OutputFolder
from ._adoption_advice import advising_adoption
from ._signing import signing
from .daemon import Daemon
from .dead_letters import dead_letter_collector, dead_letter_file

__all__ = ["redeliver"]

_TAKE_LEDGERS = ("build-requests", "amm-record", "ledger-to-transactions", "ledger-record")
_TAKE_TRANSACTIONS = ("etl",)


async def redeliver(settings: Settings) -> Report | None:
    """Process every dead letter of a daemon again; returns None without any.

    What fails again becomes a dead letter again. When it is interrupted, the next call processes
    the same letters. The records are appended to those that the collectors have.

    Raises:
        ConfigError: it has no folder, a daemon runs on it, or a line of the file is not a dead
            letter.
    """
    path = settings.state_folder
    if path is None:
        raise ConfigError("redeliver needs the daemon's folder: --out DIR or --state DIR")
    if not path.is_dir():
        raise ConfigError(f"no dead letters: {path} is not a folder")
    folder = OutputFolder(
        path, command="daemon", option=settings.state_option, tables=settings.tables
    )
    # A daemon appends to the same files, and writes the same checkpoint.
    with folder.locked():
        letters = _take_letters(settings, await _network_name(settings))
        return await _redeliver(letters, folder, settings) if letters else None


async def _redeliver(letters: DeadLetterFile, folder: OutputFolder, settings: Settings) -> Report:
    # Somebody waits for this command, so a ledger that no node has is an error soon.
    options = settings.node.model_dump(exclude={"ledger_timeout"})
    async with (
        open_network(settings.network, name=settings.network_name, **options) as network,
        signing(settings, network, folder, NoInstruments()) as notary,
    ):
        fetch = FetchLedger(network.pool, definitions=network.definitions)
        ledgers = await _fetch_ledgers(letters, fetch, notary)
        daemon = Daemon(settings)
        pipeline = daemon.pipeline(network, daemon.etl(network, NoInstruments()))
        with advising_adoption(settings.state_option):
            report = await pipeline.redeliver(
                letters,
                decode=lambda letter: _item_of(letter, ledgers),
                checkpoint=folder.checkpoint,
                dead_letters=dead_letter_collector(settings, network=network.name),
                signals=True,
            )
    if not report.drained:
        # Only at the end. When it was interrupted, the letters are all processed again: at least
        # once.
        letters.path.unlink()
    return report


async def _network_name(settings: Settings) -> str:
    """What `{network}` stands for; nodes are asked only where the path of the letters needs it."""
    found = find_network(settings.network)
    if settings.network_name is not None or found.name != CUSTOM:
        return settings.network_name or found.name
    table = settings.dead_letter_table
    if table is None or "{network}" not in str(table.options.get("path", "")):
        return found.name
    options = settings.node.model_dump(exclude={"ledger_timeout"})
    async with open_network(settings.network, **options) as network:
        return network.name


def _take_letters(settings: Settings, network: str) -> DeadLetterFile | None:
    """The letters to process, set aside from those that will be new."""
    path = dead_letter_file(settings, network=network)
    if path is None:
        raise ConfigError(
            "redeliver reads one file of JSON lines, and [dead_letters] sends the dead letters "
            "elsewhere"
        )
    aside = path.with_name(f"{path.stem}.redelivering{path.suffix}")
    # A file set aside is there already when an earlier call was interrupted. It goes first; the
    # letters that are new since stay for the next call.
    if not aside.exists():
        if not path.exists() or not path.stat().st_size:
            return None
        path.replace(aside)
    return DeadLetterFile(aside)


async def _fetch_ledgers(
    letters: DeadLetterFile, fetch: FetchLedger, notary: Notary | None
) -> dict[int, Ledger]:
    """The ledgers that letters of later steps are about: a letter holds only their names."""
    wanted = {
        int(letter.item["ledger_index"])
        for letter in letters.letters()
        if letter.collector is None and letter.step in (*_TAKE_LEDGERS, *_TAKE_TRANSACTIONS)
    }
    ledgers = {}
    for index in sorted(wanted):
        ref = LedgerRef(index)
        if notary is not None:
            proven = await notary.proven(index)
            ref = LedgerRef(index, proven.ledger_hash.hex().upper(), None, proven.signed_by)
        ledgers[index] = await fetch.fetch(ref)
    return ledgers


def _item_of(letter: DeadLetter, ledgers: dict[int, Ledger]) -> Any:
    item = letter.item
    # It failed in a collector, so the letter holds the record itself.
    if letter.collector is not None:
        return item
    if letter.step == "ledger-details":
        return LedgerRef(**item)
    if letter.step in _TAKE_LEDGERS:
        return ledgers[int(item["ledger_index"])]
    if letter.step in _TAKE_TRANSACTIONS:
        return ledgers[int(item["ledger_index"])].transactions[int(item["index"])]
    return item
