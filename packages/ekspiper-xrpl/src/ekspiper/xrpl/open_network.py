"""Opens a network for reading: its nodes, or a replay node in the process for the sample."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ekspiper.xrpl.client import NodePool, network_definitions
from ekspiper.xrpl.codec import Definitions

from .networks import CUSTOM, Network, find_network, name_of_network

__all__ = ["OpenNetwork", "open_network"]


@dataclass(frozen=True, slots=True)
class OpenNetwork:
    """A network that can be read.

    Attributes:
        name: of the network. For URLs: what `network_id` of the nodes says, otherwise `custom`.
        pool: its nodes, open.
        first: the first ledger of the sample; None for other networks.
        last: the last ledger of the sample; None for other networks.
        network_id: as the name or the nodes say; None where a node gives no id.
        validator_list: where the sample's validator list is; empty for other networks.
    """

    name: str
    pool: NodePool
    first: int | None = None
    last: int | None = None
    network_id: int | None = None
    validator_list: str = ""

    @property
    def definitions(self) -> Definitions:
        """What its fields are: its nodes say so, and the bundled ones what they do not say.

        The pool has them, so that whatever reads by it uses the same ones.
        """
        return self.pool.definitions


@asynccontextmanager
async def open_network(
    network: str,
    *,
    follow: bool = False,
    start_at: int | None = None,
    network_id: int | None = None,
    name: str | None = None,
    definitions: Definitions | None = None,
    watching: Callable[[NodePool], None] = lambda pool: None,
    **options: Any,
) -> AsyncIterator[OpenNetwork]:
    """Connect to a network for as long as the context lasts.

    Args:
        network: a name or URLs, as on the command line.
        follow: ledgers of the sample close while they are read; otherwise all are closed already.
        start_at: of the sample, the ledger closed last when it is opened; the first without it.
        network_id: what the nodes must belong to; by default what the name says.
        name: what to call the network; by default its own name.
        definitions: to read it by; without them, its nodes are asked.
        watching: called with the pool before a node has answered.
        options: further arguments of `NodePool`.

    Raises:
        ConfigError: no such network, or no node of it answers in time.
    """
    found = find_network(network)
    if not found.urls:
        async with _open_sample(
            name or found.name, follow, start_at, definitions, options
        ) as sample:
            yield sample
        return
    wanted = network_id if network_id is not None else found.network_id
    pool = NodePool(found.urls, network_id=wanted, **options)
    watching(pool)
    async with pool:
        named = name or _name(found, pool)
        pool.definitions = definitions or await network_definitions(pool)
        known = pool.network_id if pool.names_network else found.network_id
        yield OpenNetwork(named, pool, network_id=known)


@asynccontextmanager
async def _open_sample(
    name: str,
    follow: bool,
    start_at: int | None,
    definitions: Definitions | None,
    options: Mapping[str, Any],
) -> AsyncIterator[OpenNetwork]:
    from .replay import Recording, ReplayNode  # only the sample needs a server in the process

    with Recording.sample() as recording:
        # `--from` and an old checkpoint may name ledgers that the sample does not have.
        closed = min(max(start_at or 0, recording.first), recording.last)
        async with (
            ReplayNode(recording, close_every=0 if follow else None, start_at=closed) as node,
            NodePool(node.url, **options) as pool,
        ):
            # Its server's names are known, and nobody can do anything about them.
            pool.definitions = definitions or await network_definitions(
                pool, conflict_level=logging.DEBUG
            )
            yield OpenNetwork(
                name,
                pool,
                recording.first,
                recording.last,
                validator_list=node.list_url if recording.validator_lists else "",
            )


def _name(found: Network, pool: NodePool) -> str:
    # A node that gives no id counts as one of network 0, but may as well be a private one:
    # only a node that says 0 itself makes the name "mainnet".
    if found.name != CUSTOM or not pool.names_network or pool.network_id is None:
        return found.name
    return name_of_network(pool.network_id) or found.name
