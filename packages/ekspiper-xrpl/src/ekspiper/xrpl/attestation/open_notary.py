"""Opens a notary for commands that read past ledgers, or a few of the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.open_network import OpenNetwork
from ekspiper.xrpl.trust import TrustError
from ekspiper.xrpl.trustees import Trustees

from .evidence import HEADERS_NAME, Evidence
from .header_reader import HeaderReader
from .list_store import ListStore, ledger_time
from .notary import Notary
from .proof_archive import ARCHIVE_NAME, ProofArchive
from .proven_chain import ProvenHash

__all__ = ["clock_of", "open_notary"]

_LISTS = "lists"
# The sample's list expires like any other, and the sample has to work after that.
_SAMPLE_TIME = 849_013_200  # 2026-11-26, in seconds of the ledger's epoch


def clock_of(network: OpenNetwork) -> Callable[[], int]:
    """The time by which lists are judged: now, or for the sample when it was recorded.

    The sample's list expires like any other, and the sample must be signed after that day, too.
    """
    return (lambda: _SAMPLE_TIME) if network.validator_list else ledger_time


@asynccontextmanager
async def open_notary(
    pool: NodePool,
    trustees: Trustees,
    *,
    folder: Path | None = None,
    anchors: Iterable[tuple[int, bytes]] = (),
    clock: Callable[[], int] = ledger_time,
    **options: Any,
) -> AsyncIterator[Notary]:
    """A notary of the network that a pool reads, for as long as the context lasts.

    Args:
        trustees: whose signatures count.
        folder: where lists, headers and proofs are kept. What its archive proves already counts.
        anchors: ledgers that the user says are the network's.
        clock: the time by which lists are judged, see `clock_of`.
        options: further arguments of `Notary`.

    Raises:
        ConfigError: an anchor contradicts what the archive proves, or the archive cannot be read.
    """
    cache = headers = archive = None
    if folder is not None:
        cache, headers = folder / ".checkpoint" / _LISTS, folder / HEADERS_NAME
        archive = await asyncio.to_thread(ProofArchive, folder / ARCHIVE_NAME)
    reader = HeaderReader(pool, cache=headers)
    lists = ListStore(trustees, cache=cache, clock=clock)
    async with Notary(pool, trustees, lists, archive=archive, headers=reader, **options) as notary:
        if folder is not None and (folder / ARCHIVE_NAME).exists():
            evidence = await asyncio.to_thread(Evidence.of_folder, folder, trustees)
            for anchor in evidence.anchors.values():
                signer = anchor.verdict.ledger_index
                notary.chain.note(ProvenHash(anchor.ledger_index, anchor.ledger_hash, signer))
        for index, ledger_hash in anchors:
            try:
                notary.chain.note(ProvenHash(index, ledger_hash, index))
            except TrustError as error:
                raise ConfigError(f"--anchor {index}: {error}") from None
        yield notary
