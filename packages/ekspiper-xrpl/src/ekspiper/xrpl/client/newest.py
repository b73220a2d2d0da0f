"""Which ledger is the newest, when nodes may say anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .node import Node

__all__ = ["Newest", "is_far_ahead", "newest_of"]

_AHEAD = 100


def is_far_ahead(index: int, others: Sequence[int]) -> bool:
    """Whether a node that speaks of this ledger stands alone against two or more others.

    Args:
        others: the newest ledger of each of them. They are up to date: nodes that hear of no
            ledger any more are no witnesses.
    """
    return len(others) > 1 and index > max(others) + _AHEAD


def newest_of(newest: Sequence[int]) -> int:
    """The newest ledger of all, but not what one node alone says far ahead of the others.

    >>> newest_of([302, 301, 4_000_000_000])
    302
    """
    believed = (
        index
        for place, index in enumerate(newest)
        if not is_far_ahead(index, [*newest[:place], *newest[place + 1 :]])
    )
    return max(believed, default=0)


class Newest:
    """The newest validated ledger that the nodes of a pool know of.

    Attributes:
        index: that ledger; 0 before the first.
    """

    def __init__(self, nodes: Sequence[Node], *, clock: Callable[[], float]) -> None:
        self.index = 0
        self._nodes = nodes
        self._clock = clock

    def note(self, closed: int) -> int:
        """Look at what the nodes hold, and at the newest ledger that they said was closed."""
        now = self._clock()
        held = newest_of([n.ledgers.last for n in self._nodes if n.is_current(now)])
        self.index = max(self.index, closed, held)
        return self.index

    def is_believed(self, node: Node, index: int) -> bool:
        """Whether a node that says that this ledger is closed is not alone far ahead of others."""
        now = self._clock()
        others = [n.ledgers.last for n in self._nodes if n is not node and n.is_current(now)]
        if not is_far_ahead(index, others):
            return True
        node.trouble.not_believed(
            f"says that ledger {index} is closed, all others are at {max(others)}", now
        )
        return False
