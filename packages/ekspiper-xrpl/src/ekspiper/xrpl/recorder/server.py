"""What a recording keeps of the server itself, and of the state of its last ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from ekspiper.core import Retryable
from ekspiper.xrpl.client import NodePool, RequestError
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.snapshot import StateProof
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef

from ._exchanges import exchange

__all__ = ["record_server", "record_state"]

log = logging.getLogger("ekspiper.xrpl.recorder")

_ABOUT = ("server_info", "server_state", "server_definitions", "fee")


async def record_server(pool: NodePool) -> list[dict[str, Any]]:
    """The lines about the server; what no node answers is left out, and said."""
    lines = []
    for command in _ABOUT:
        request = {"command": command, "api_version": 2}
        try:
            answer = await pool.ask_once(request)
        except (RequestError, Retryable) as error:
            log.warning("the recording has no %s: %s", command, error)
        else:
            lines.append(exchange(request, answer.result))
    return lines


async def record_state(pool: NodePool, ledger_index: int) -> AsyncIterator[dict[str, Any]]:
    """The lines with the whole state of a ledger, page by page, in binary.

    Raises:
        StateMismatch: after the last one, the objects do not hash to the ledger's `account_hash`.
    """
    marker: str | None = None
    source = LedgerObjects(pool, ledger_index, parallel=1)
    (ledger,) = await FetchLedger(pool).process(LedgerRef(ledger_index))
    source.expect(ledger.ledger_hash)
    proof = StateProof(source.prefixes)
    async for page in source:
        await proof.collect([page])
        request: dict[str, Any] = {
            "command": "ledger_data",
            "ledger_index": ledger_index,
            "binary": True,
            "limit": 2048,
            "api_version": 2,
        }
        if marker is not None:
            request["marker"] = marker
        result: dict[str, Any] = {
            "ledger_hash": page.ledger_hash,
            "ledger_index": ledger_index,
            "state": [{"data": data, "index": index} for index, data in page.objects],
            "validated": True,
        }
        if not page.last:
            marker = result["marker"] = page.objects[-1][0]
        yield exchange(request, result)
    proof.hold_against(ledger)
