"""Leaves nodes that gave something proven wrong, and comes back to them when there is nobody else."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from .node import Node

__all__ = ["Liars"]

log = logging.getLogger("ekspiper.xrpl.client")

_FIRST = 60.0
_LONGEST = 3600.0
_ALONE = 1.0


class Liars:
    """Ejects nodes: for a minute, twice as long each time, for an hour at most.

    Args:
        nodes: the pool's nodes.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._alone = 0.0

    def eject(self, node: Node, why: str) -> None:
        """Leave a node, unless it is the only one: it may still be right the next time."""
        if node.state == "ejected":
            return  # for what it said before that
        node.lies += 1
        node.trouble.note(f"lied: {why}")
        if not any(other.ready for other in self._nodes if other is not node):
            log.error("%s lied: %s; no other node is there, it stays", node.label, why)
            return
        seconds = min(_FIRST * 2 ** (node.lies - 1), _LONGEST)
        log.error("%s lied: %s; ejected for %.0f s", node.label, why, seconds)
        node.eject(seconds)

    def pardon_if_alone(self, elapsed: float) -> None:
        """With no other node there, one that lied is better than none: all it says is proven."""
        self._alone = 0.0 if any(node.ready for node in self._nodes) else self._alone + elapsed
        if self._alone < _ALONE:
            return
        for node in self._nodes:
            if node.state == "ejected":
                log.warning("no other node answers: %s, ejected before, is asked again", node.label)
                node.pardon()
