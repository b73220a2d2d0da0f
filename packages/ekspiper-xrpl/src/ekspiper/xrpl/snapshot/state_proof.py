"""Folds the pages of a state into its root hash while they pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ekspiper.core import Collector, Permanent, Position, State
from ekspiper.xrpl.codec import StateTreeFold, Subtree, join_subtrees
from ekspiper.xrpl.sources import ObjectPage

from ..ledger import Ledger

__all__ = ["StateMismatch", "StateProof"]


class StateMismatch(Permanent):
    """The objects do not have the root that the ledger's header names; says which differ."""


class StateProof(Collector[ObjectPage]):
    """Takes the pages of all shards, and knows the root when every shard is complete.

    Memory is a few kilobytes a shard, whatever the size of the state; the checkpoint holds the
    same, so that a snapshot that was interrupted is still proven as a whole.

    Args:
        prefixes: of all shards.
    """

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._folds = {prefix: StateTreeFold(prefix) for prefix in prefixes}
        self._subtrees: dict[str, Subtree] = {}

    @property
    def objects(self) -> int:
        """How many objects have passed."""
        return sum(fold.count for fold in self._folds.values())

    @property
    def subtrees(self) -> dict[str, Subtree]:
        """The finished shards, by prefix."""
        return dict(self._subtrees)

    async def collect(self, batch: Sequence[ObjectPage]) -> None:
        """Fold pages, which come in order within their shard."""
        for page in batch:
            fold = self._folds.get(page.prefix)
            if fold is None:
                raise Permanent(
                    f"a page of {page.prefix!r}, which does not belong to this snapshot"
                )
            # All objects of the page, also of types that nobody wants to record: the root is over
            # all.
            fold.add_page(page.objects)
            if page.last:
                self._subtrees[page.prefix] = fold.subtree()

    def root(self) -> str:
        """The root hash over all objects, upper-case hex.

        Raises:
            CodecError: a shard is not complete.
        """
        return join_subtrees(list(self._subtrees.values())).hex().upper()

    def compare_with(self, ledger: Ledger) -> None:
        """Compare the root with the header of the ledger.

        Raises:
            StateMismatch: it is not the header's `account_hash`.
        """
        account_hash = ledger.header.account_hash.hex().upper()
        if self.root() != account_hash:
            raise StateMismatch(
                f"the objects of ledger {ledger.ledger_index} hash to {self.root()}, its header "
                f"says {account_hash}; `ekspiper snapshot` names the part that differs"
            )

    async def snapshot(self, position: Position) -> State:
        """How far each shard is folded."""
        done = {
            prefix: [subtree.hash.hex(), subtree.leaves]
            for prefix, subtree in self._subtrees.items()
        }
        # A finished shard is one hash; only those that are being read have a fold to save.
        left = [fold.save() for prefix, fold in self._folds.items() if prefix not in done]
        return {"done": done, "left": left}

    async def restore(self, state: State | None) -> Position | None:
        """Continue where the shards were."""
        if state is not None:
            saved: dict[str, Any] = state
            self._folds = {each["prefix"]: StateTreeFold.load(each) for each in saved["left"]}
            self._subtrees = {}
            for prefix, (digest, leaves) in saved["done"].items():
                self._subtrees[prefix] = Subtree(prefix, bytes.fromhex(digest), leaves)
                self._folds[prefix] = finished = StateTreeFold(prefix)
                # For `objects`: the fold itself is not used again.
                finished.count = leaves
        return None
