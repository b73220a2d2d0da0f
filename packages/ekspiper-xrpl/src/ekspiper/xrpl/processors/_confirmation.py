"""What other nodes say of a ledger that neither the stream nor a neighbour confirms."""

from __future__ import annotations

import asyncio
from typing import Any

from ekspiper.xrpl.client import (
    LedgerUnavailable,
    NodeBusy,
    NodePool,
    NodeUnreachable,
    RequestError,
    RequestTimeout,
)
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.verify import VerificationError

__all__ = ["Confirmation"]

# Seconds that the next ledger may take: the one in question may be the newest.
_NEXT_LEDGER = 20.0


class Confirmation:
    """The hash of one ledger by majority, among nodes that do not contradict themselves.

    Two nodes that say the same are enough, and so is the only one that holds the ledger. Where
    nodes disagree, each is asked for the ledger after it: a node whose own chain does not hold
    together does not count.
    """

    def __init__(self, pool: NodePool, ledger_index: int) -> None:
        self._pool = pool
        self._index = ledger_index
        self._said: dict[str, str] = {}
        self.liars: dict[str, str] = {}
        """Nodes that contradict themselves, and how."""

    async def confirm(self, ledger: Ledger, node: str) -> None:
        """Raise VerificationError if `node`, which gave the ledger, cannot be believed."""
        ours = self._said[node] = ledger.ledger_hash
        # Two nodes that agree are enough.
        if self._believed().count(ours) < 2:
            await self._ask_another()
        if self._is_disputed(ours):
            for each in [*self._said]:
                await self._hear(each)
        if node in self.liars:
            raise VerificationError(self._index, [self.liars[node]])
        if self._is_disputed(ours):
            said = "; ".join(f"{name} says {its}" for name, its in self._said.items())
            raise VerificationError(self._index, [f"nodes disagree about its hash: {said}"])

    def _believed(self) -> list[str]:
        return [said for node, said in self._said.items() if node not in self.liars]

    def _is_disputed(self, ours: str) -> bool:
        believed = self._believed()
        return believed.count(ours) < 2 and set(believed) != {ours}

    async def _ask_another(self) -> None:
        """Ask a node that holds the ledger and was not asked yet, if there is one."""
        is_held = any(
            node.state == "ready" and self._index in node.ledgers and node.url not in self._said
            for node in self._pool.nodes()
        )
        if not is_held:
            return
        node, result = await self._ask(self._index, avoid=[*self._said])
        ledger_hash = result.get("ledger_hash")
        if isinstance(ledger_hash, str):
            self._said[node] = ledger_hash.upper()

    async def _hear(self, node: str) -> None:
        """Ask a node for the ledger after, whose parent must be what it said."""
        others = [each.url for each in self._pool.nodes() if each.url != node]
        answered, result = await self._ask(self._index + 1, avoid=others)
        after = result.get("ledger")
        parent = after.get("parent_hash") if isinstance(after, dict) else None
        # `avoid` is a wish: with the others busy, another node may have answered.
        if answered == node and isinstance(parent, str) and parent.upper() != self._said[node]:
            self.liars[node] = (
                f"{node} says {self._said[node]}, and that the parent of the ledger after is "
                f"{parent.upper()}"
            )

    async def _ask(self, index: int, *, avoid: list[str]) -> tuple[str, dict[str, Any]]:
        """The node that answered for the header of a ledger, and its answer; empty if none did."""
        request = {"command": "ledger", "ledger_index": index, "api_version": 2}
        try:
            async with asyncio.timeout(_NEXT_LEDGER):
                answer = await self._pool.ask(request, avoid=avoid)
        except (
            TimeoutError,
            LedgerUnavailable,
            NodeBusy,
            NodeUnreachable,
            RequestError,
            RequestTimeout,
        ):
            return "", {}
        return answer.node, answer.result
