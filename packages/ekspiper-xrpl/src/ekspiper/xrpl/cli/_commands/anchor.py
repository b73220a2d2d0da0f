"""`ekspiper anchor`: keep what proves past ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ekspiper.core import ConfigError
from ekspiper.xrpl.attestation import (
    ARCHIVE_NAME,
    FolderProofs,
    ProofArchive,
    SkipLists,
    clock_of,
    open_notary,
)
from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.sources import LedgerObjects
from ekspiper.xrpl.trust import SignedLedger, read_header, read_tree_leaves
from ekspiper.xrpl.trustees import TrustChoice, read_trustees, trustees_of

from .._interruption import run_interruptible
from .._logs import tell
from .._options import ConnectTimeout, Network, TrustKeys, chosen_network, path_or_url
from .._streams import say

__all__ = ["anchor"]

_SAY_EVERY = 200_000


def anchor(
    network: Network = None,
    out: Annotated[
        Any,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR|URL",
            parser=path_or_url,
            help="Folder of the archive, proofs.jsonl.",
        ),
    ] = None,
    snapshot: Annotated[
        Any,
        typer.Option(
            "--snapshot",
            metavar="DIR|URL",
            parser=path_or_url,
            help="Use the snapshot in this folder, taken without --type, instead of a new one.",
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Parts of the state read at once.")
    ] = 8,
    trust: TrustKeys = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Keep what proves ledgers of long ago.

    Waits for a ledger that a quorum of validators signs, reads its whole state, proves it, and
    keeps the LedgerHashes objects of it. With them, any earlier ledger is proven by at most 255
    headers. Nothing else of the state is kept, so it takes time and traffic, but hardly any disk.

    Archive and snapshot may also be in an object store: s3://BUCKET/PREFIX, gs:// or az://.

    Examples:
      ekspiper anchor --network mainnet --out out/history
      ekspiper anchor --network mainnet --snapshot out/state
    """
    place = out or snapshot
    if place is None:
        raise typer.BadParameter("say where the archive is: --out DIR, or --snapshot DIR")
    with _archive_at(place) as folder:
        work = _anchor(chosen_network(network), folder, snapshot, parallel, trust, connect_timeout)
        kept = run_interruptible(work)
    say(f"{place}/{ARCHIVE_NAME}: {kept}")


@contextmanager
def _archive_at(place: Path | str) -> Iterator[Path]:
    """The folder of the archive; for an object store one of this machine, which goes there."""
    if not isinstance(place, str):
        place.mkdir(parents=True, exist_ok=True)
        yield place
        return
    from ekspiper.xrpl.cluster import proofs_beside, stored_at

    store = stored_at(place)
    # Two who add to the archive at once would each put it back without what the other one added.
    with store.locked(), proofs_beside(store) as folder:
        yield folder


async def _anchor(
    network: str,
    folder: Path,
    snapshot: Path | str | None,
    parallel: int,
    trust: list[str] | None,
    connect_timeout: float | None,
) -> str:
    choice = TrustChoice("signed", read_trustees(trust or ()))
    async with (
        open_network(network, follow=True, connect_timeout=connect_timeout) as opened,
        open_notary(
            opened.pool, trustees_of(choice, opened), folder=folder, clock=clock_of(opened)
        ) as notary,
    ):
        # Said, as it may take a minute in which nothing else happens.
        tell("Waiting for a ledger that the validators sign.")
        signed = await notary.newest()
        if snapshot is None:
            header = signed.header
            lists = await _read(opened, signed, parallel)
        else:
            index, objects = FolderProofs.of_snapshot(snapshot, opened.definitions)
            # Headers lead from newer ledgers to older ones only.
            if index > signed.ledger_index:
                raise ConfigError(f"the snapshot is of ledger {index}, which is not signed yet")
            top, top_hash = signed.ledger_index, signed.ledger_hash
            async for each in notary.chain.headers.walk(top, top_hash, index):
                data = each.data
            header = read_header(data)
            lists = SkipLists(header)
            lists.add(sorted(objects))
        tree = lists.tree()
    archive = ProofArchive(folder / ARCHIVE_NAME)
    # The proof first: lists of a state without a signed ledger prove nothing.
    archive.add(signed)
    archive.add_state(header, tree)
    count = sum(1 for _ in read_tree_leaves(tree))
    return (
        f"{signed.verdict(_anybody(signed))}. {count} skip lists of the state of ledger "
        f"{header.ledger_index} are kept."
    )


async def _read(opened: OpenNetwork, signed: SignedLedger, parallel: int) -> SkipLists:
    header: LedgerHeader = signed.header
    source = LedgerObjects(opened.pool, header.ledger_index, parallel=parallel)
    source.expect(header.ledger_hash.hex().upper())
    # The state is folded by prefixes at least as long as the parts that are read side by side.
    lists = SkipLists(header, digits=max(2, *map(len, source.prefixes)))
    said = 0

    def seen(count: int) -> None:
        nonlocal said
        if count - said >= _SAY_EVERY:
            said = count
            tell(f"{count:,} objects read")

    await lists.add_pages(source, seen=seen)
    return lists


def _anybody(signed: SignedLedger) -> set[bytes]:
    """The notary has judged already; this is only to say it in words."""
    source = signed.validator_list
    return {source.publisher} if source is not None else set(signed.validators)
