"""The definitions to read a network by."""

from __future__ import annotations

import logging

from ekspiper.xrpl.codec.definitions import Definitions, DefinitionsError

from .errors import RequestError
from .pool import NodePool

__all__ = ["network_definitions"]

log = logging.getLogger("ekspiper.xrpl.client")


async def network_definitions(pool: NodePool) -> Definitions:
    """The bundled definitions, and what a node of `pool` knows beyond them.

    A node that is too old to be asked, or gives something else, adds nothing.
    """
    bundled = Definitions.bundled()
    try:
        theirs = Definitions.from_server(await pool.request({"command": "server_definitions"}))
    except (RequestError, DefinitionsError) as error:
        log.info("reading by the bundled definitions: %s", error)
        return bundled
    extended = bundled.extended_by(theirs)
    new = sorted(
        (extended.transaction_types.keys() - bundled.transaction_types.keys())
        | (extended.ledger_entry_types.keys() - bundled.ledger_entry_types.keys())
    )
    if new:
        log.info("the network has what the bundled definitions do not know: %s", ", ".join(new))
    return extended
