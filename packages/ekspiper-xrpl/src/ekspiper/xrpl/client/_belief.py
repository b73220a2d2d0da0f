"""What nodes are believed: which network they belong to, the newest ledger, and who lied."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ._node import Node
from .errors import WrongNetwork

__all__ = ["Belief", "is_far_ahead", "newest_of"]

log = logging.getLogger("ekspiper.xrpl.client")

# A node may be first by a few ledgers. One that is ahead of all others by six minutes lies, or is
# on a fork.
_AHEAD = 100
# A node that lied is left alone for a minute, then for twice as long each time, up to an hour: what
# was wrong may be repaired meanwhile.
_FIRST_EJECTION = 60.0
_LONGEST_EJECTION = 3600.0
# Long enough for other nodes to connect again after a short outage.
_ALONE = 1.0


def is_far_ahead(index: int, others: Sequence[int]) -> bool:
    """Whether a node that reports this ledger stands alone against two or more others.

    Args:
        others: the newest ledger of each of them, as far as they are up to date: nodes that no
            longer hear of new ledgers do not count.
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


class Belief:
    """Judges what the nodes of a pool say.

    Args:
        nodes: the pool's nodes.
        network_id: the network they must belong to; None: that of the first that answers.
        clock: the pool's clock, in seconds.

    Attributes:
        network_id: that network; None while it is not known.
        newest: the newest validated ledger; 0 before the first.
    """

    def __init__(
        self, nodes: Sequence[Node], *, network_id: int | None, clock: Callable[[], float]
    ) -> None:
        self.network_id = network_id
        self.newest = 0
        self._nodes = nodes
        self._clock = clock
        self._network_is_guess = False
        self._alone = 0.0

    # The network.

    def admit(self, node: Node, network_id: int | None) -> None:
        """Take a node of this network, None where it does not say. Raises WrongNetwork."""
        if network_id is None:
            if self.network_id is None:
                self.network_id, self._network_is_guess = 0, True
                log.warning(
                    "%s does not say which network it belongs to: taken for 0, the main network; "
                    "give network_id if it is another",
                    node.label,
                )
            return
        if self.network_id is None or self._network_is_guess:
            self.network_id, self._network_is_guess = network_id, False
        if network_id != self.network_id:
            raise WrongNetwork(
                f"{node.label} belongs to network {network_id}, not to network {self.network_id}: "
                "give nodes of one network"
            )

    # The newest ledger.

    def note(self, closed: int) -> int:
        """Look at what the nodes hold, and at the newest ledger that they said was closed."""
        now = self._clock()
        held = newest_of([n.ledgers.last for n in self._nodes if n.is_current(now)])
        self.newest = max(self.newest, closed, held)
        return self.newest

    def is_believed(self, node: Node, index: int) -> bool:
        """Whether to believe a node that this ledger is closed: not alone far ahead of others."""
        now = self._clock()
        # Only nodes that still hear of ledgers: those that lag would make an honest one look far
        # ahead.
        others = [n.ledgers.last for n in self._nodes if n is not node and n.is_current(now)]
        if not is_far_ahead(index, others):
            return True
        node.log.not_believed(
            f"says that ledger {index} is closed, all others are at {max(others)}", now
        )
        return False

    # Nodes that lied.

    def eject(self, node: Node, why: str) -> None:
        """Leave a node, unless it is the only one: it may be right the next time."""
        if node.state == "ejected":
            return  # for what it said before that
        node.lies += 1
        node.log.note(f"lied: {why}")
        if not any(other.ready for other in self._nodes if other is not node):
            log.error(
                "%s lied: %s; it stays, as no other node is connected",
                node.label,
                why,
                extra={"node": node.label},
            )
            return
        seconds = min(_FIRST_EJECTION * 2 ** (node.lies - 1), _LONGEST_EJECTION)
        log.error(
            "%s lied: %s; ejected for %.0f s", node.label, why, seconds, extra={"node": node.label}
        )
        node.eject(seconds)

    def pardon_if_alone(self, elapsed: float) -> None:
        """Take back a node that lied when no other is connected: everything it says is proven."""
        self._alone = 0.0 if any(node.ready for node in self._nodes) else self._alone + elapsed
        if self._alone < _ALONE:
            return
        for node in self._nodes:
            if node.state == "ejected":
                log.warning("no other node answers: %s, ejected before, is asked again", node.label)
                node.pardon()
