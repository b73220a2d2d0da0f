"""What a recording keeps of the server itself, and of the state of its last ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

from ekspiper.core import Retryable
from ekspiper.xrpl.attestation import fetch_document
from ekspiper.xrpl.client import NodePool, RequestError
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.snapshot import StateProof
from ekspiper.xrpl.sources import LedgerObjects, LedgerRef
from ekspiper.xrpl.trust import TrustError, read_validator_lists
from ekspiper.xrpl.trustees import Trustees

from ._exchanges import exchange

__all__ = ["record_lists", "record_server", "record_state"]

log = logging.getLogger("ekspiper.xrpl.recorder")

_ABOUT = ("server_info", "server_state", "server_definitions", "fee")


async def record_server(pool: NodePool, *, validators: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The lines about the server; what no node answers is left out, and logged.

    Args:
        validators: the keys of validators whose manifests are recorded.
    """
    lines = []
    for command in _ABOUT:
        request = {"command": command, "api_version": 2}
        lines += await _line(pool, request, "the recording has no %s: %s")
    for key in validators:
        request = {"command": "manifest", "public_key": key, "api_version": 2}
        lines += await _line(pool, request, f"the recording has no %s of {key}: %s")
    return lines


async def _line(pool: NodePool, request: dict[str, Any], failure: str) -> list[dict[str, Any]]:
    try:
        # Once: a command that a node lacks, as Clio lacks some, would be asked of all nodes again
        # and again.
        answer = await pool.ask_once(request)
    except (RequestError, Retryable) as error:
        log.warning(failure, request["command"], error)
        return []
    return [exchange(request, answer.result)]


async def record_lists(trustees: Trustees) -> list[bytes]:
    """The validator lists of the publishers, as they publish them; what fails is logged."""
    documents = []
    for publisher in trustees.publishers:
        if not publisher.location:
            continue
        try:
            document = await fetch_document(publisher.location)
            read_validator_lists(document, {publisher.key})
        except (OSError, TrustError) as error:
            log.warning("the recording has no validator list of %s: %s", publisher, error)
        else:
            documents.append(document)
    return documents


async def record_state(pool: NodePool, ledger_index: int) -> AsyncIterator[dict[str, Any]]:
    """The lines with the whole state of a ledger, page by page, in binary.

    Raises:
        StateMismatch: after the last one, the objects do not hash to the ledger's `account_hash`.
    """
    # The lines must look like one walk over all pages, so the state is read in one piece, and each
    # marker is the last key of the page before.
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
    proof.compare_with(ledger)
