"""Fetches a ledger in binary, and proves it before anything else sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ekspiper.core import Permanent, Processor, Retryable
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Decoder, Definitions
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.sources import LedgerRef
from ekspiper.xrpl.verify import VerificationError, parse_ledger, verify_ledger

from ._confirmation import Confirmation
from .ledger_chain import LedgerChain, LedgerLink

__all__ = ["FetchLedger"]

log = logging.getLogger("ekspiper.xrpl.client")

# An answer may be damaged on its way, and a node that is away may come back.
_ATTEMPTS = 5
_PAUSE = 0.2  # seconds, times the number of attempts


class FetchLedger(Processor[LedgerRef, Ledger]):
    """LedgerRef -> the whole ledger, proven.

    Proven means: the header hashes to the ledger's hash, which is the one the stream gave; the
    transactions hash to the header's `transaction_hash`; the parent is the ledger fetched before.
    A ledger without a neighbour to compare with is confirmed by a second node, if there is one.
    What is not proven is asked for again, from another node where there is one; a node whose
    answer turns out to be wrong is reported to the pool.

    A ledger whose hash validators have signed is compared with that hash alone. It is waited for as
    long as no node serves it.

    Run it with `concurrency`: requests are carried side by side over each node's connection.

    Args:
        pool: open nodes.
        verify: prove it; without, only its shape is looked at.
        definitions: what the transactions are decoded by; those of the pool's network without it.
        known: ledgers fetched before, which those next to them must fit.

    Raises:
        VerificationError: no node gave a ledger that could be proven; says what was wrong.
        Retryable: no node served the ledger that validators have signed.
        LedgerUnavailable: no node has it; says what each of them holds.
    """

    def __init__(
        self,
        pool: NodePool,
        *,
        verify: bool = True,
        definitions: Definitions | None = None,
        known: Iterable[LedgerLink] = (),
    ) -> None:
        self._pool = pool
        self._decoder = Decoder(definitions or pool.definitions, shape="record")
        self._verify = verify
        self._chain = LedgerChain(known)
        self._open: dict[int, asyncio.Event] = {}

    async def process(self, item: LedgerRef) -> tuple[Ledger]:
        """The ledger."""
        return (await self.fetch(item),)

    async def fetch(self, ref: LedgerRef) -> Ledger:
        """The ledger that `ref` names."""
        index = ref.ledger_index
        # Neighbours that were begun earlier are proven first: then it is this one that must fit.
        # Waiting only for earlier ones means that no two ever wait for each other.
        neighbours = [self._open[at] for at in (index - 1, index + 1) if at in self._open]
        done = asyncio.Event()
        self._open.setdefault(index, done)
        try:
            return await self._prove(ref, neighbours)
        finally:
            done.set()
            if self._open.get(index) is done:
                del self._open[index]

    async def _prove(self, ref: LedgerRef, neighbours: Iterable[asyncio.Event]) -> Ledger:
        request = _request(ref)
        index = ref.ledger_index or None
        wrong: dict[str, str] = {}
        others: Confirmation | None = None
        for attempt in range(_ATTEMPTS):
            # Nodes that were wrong are asked once more only when no other has it.
            answer = await self._pool.ask(request, ledger_index=index, avoid=wrong, blobs=True)
            try:
                ledger = self._read(answer.result, ref)
                if self._verify:
                    verify_ledger(ledger)
                    for neighbour in neighbours:
                        if not neighbour.is_set():
                            await neighbour.wait()
                    # A second node is asked only where nothing else confirms it, or each ledger would
                    # cost two requests.
                    if not self._is_confirmed(ledger, ref):
                        others = others or Confirmation(self._pool, ref.ledger_index)
                        await others.confirm(ledger, answer.node)
            except Permanent as error:
                if answer.node in wrong:
                    # Nobody else could answer: a node that is away may come back meanwhile.
                    await asyncio.sleep(_PAUSE * attempt)
                wrong[answer.node] = _why(error)
                continue
            self._settle(ledger, answer.node, {**others.liars, **wrong} if others else wrong)
            return ledger
        if ref.signed_by is not None:
            # The ledger exists, as validators signed it: some node will serve it.
            raise Retryable(
                f"no node serves ledger {ref.ledger_index} as the validators have signed it: "
                + "; ".join(_by_reason(wrong))
            )
        raise VerificationError(ref.ledger_index, _by_reason(wrong))

    def _read(self, result: dict[str, Any], ref: LedgerRef) -> Ledger:
        return parse_ledger(
            result,
            ledger_index=ref.ledger_index or None,
            # A hash that was asked for must be answered; one that the stream gave is compared
            # with the header's own hash later, to say which of the two is wrong.
            ledger_hash=None if ref.ledger_index else ref.ledger_hash,
            network_id=self._pool.network_id,
            decoder=self._decoder,
        )

    def _is_confirmed(self, ledger: Ledger, ref: LedgerRef) -> bool:
        """Whether its signed hash, the stream or a neighbour confirms it; False where there is none.

        Raises:
            VerificationError: one of them says otherwise.
        """
        index = ledger.ledger_index
        if ref.signed_by is not None:  # which proves it, whatever the nodes say
            if ledger.ledger_hash != ref.ledger_hash:
                raise VerificationError(
                    index,
                    [
                        f"it is {ledger.ledger_hash}, but {ref.ledger_hash} is what validators signed"
                    ],
                )
            ledger.signed_by = ref.signed_by
            return True
        stream = self._pool.closed_ledger(index) or {}
        expected = stream.get("ledger_hash") or ref.ledger_hash
        parent = self._chain.parent_hash(index)
        child = self._chain.ledger_hash(index)
        differences = []
        if expected and ledger.ledger_hash != expected:
            differences.append(f"it is {ledger.ledger_hash}, but the stream said {expected}")
        if parent and ledger.parent_hash != parent:
            differences.append(
                f"its parent_hash is {ledger.parent_hash}, but the ledger before it is {parent}"
            )
        if child and ledger.ledger_hash != child:
            differences.append(f"it is {ledger.ledger_hash}, but the ledger after it names {child}")
        if differences:
            raise VerificationError(index, differences)
        return bool(expected or parent or child)

    def _settle(self, ledger: Ledger, node: str, wrong: dict[str, str]) -> None:
        if self._verify:
            link = LedgerLink(ledger.ledger_index, ledger.ledger_hash, ledger.parent_hash)
            self._chain.add(link)
        for other, why in wrong.items():
            if other == node:
                log.warning(
                    "%s: %s; asked again, it was right",
                    node,
                    why,
                    extra={"ledger": ledger.ledger_index, "node": node},
                )
            else:
                self._pool.report_lie(other, why)


def _why(error: Permanent) -> str:
    """What was wrong, without the ledger's name."""
    return "; ".join(error.differences) if isinstance(error, VerificationError) else str(error)


def _by_reason(wrong: Mapping[str, str]) -> list[str]:
    """Which nodes gave each reason."""
    return [
        f"{', '.join(node for node in wrong if wrong[node] == why)}: {why}"
        for why in dict.fromkeys(wrong.values())
    ]


def _request(ref: LedgerRef) -> dict[str, Any]:
    which = (
        {"ledger_index": ref.ledger_index} if ref.ledger_index else {"ledger_hash": ref.ledger_hash}
    )
    return {
        "command": "ledger",
        **which,
        "transactions": True,
        "expand": True,
        "binary": True,
        "api_version": 2,
    }
