"""The definitions to read a network by."""

from __future__ import annotations

import logging

from ekspiper.core import Retryable
from ekspiper.xrpl.codec import Definitions, DefinitionsError

from .errors import RequestError
from .pool import NodePool

__all__ = ["network_definitions"]

log = logging.getLogger("ekspiper.xrpl.client")


async def network_definitions(
    pool: NodePool, *, conflict_level: int = logging.WARNING
) -> Definitions:
    """What a node of `pool` says of its network, and what the bundled definitions add to that.

    Where no node gives any, the bundled ones have to do: a node may be too old, or a Clio server
    whose rippled does not answer.

    Args:
        pool: open nodes.
        conflict_level: of the line in the log about names that differ from the bundled ones.
    """
    bundled = Definitions.bundled()
    try:
        answer = await pool.ask_once({"command": "server_definitions"})
        theirs = Definitions.from_server(answer.result)
    except (RequestError, Retryable, DefinitionsError) as error:
        log.warning("no node gives its definitions, so the bundled ones are used: %s", error)
        return bundled
    extended = bundled.extended_by(theirs)
    conflicts = bundled.conflicts_with(theirs)
    if conflicts:
        log.log(
            conflict_level,
            "the network's names are used where the bundled definitions have others: %s",
            "; ".join(map(str, conflicts)),
        )
    new = sorted(
        (extended.transaction_types.keys() - bundled.transaction_types.keys())
        | (extended.ledger_entry_types.keys() - bundled.ledger_entry_types.keys())
    )
    if new:
        log.info("the network has what the bundled definitions do not know: %s", ", ".join(new))
    return extended
