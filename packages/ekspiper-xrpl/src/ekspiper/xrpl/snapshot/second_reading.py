"""Finds out which parts of a state are wrong, by reading it again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ekspiper.core import EkspiperError
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Subtree, differing_subtrees, join_subtrees

from ..ledger import Ledger

__all__ = ["SecondReading"]


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What a second reading says of a first one that has the wrong root.

    Attributes:
        where: in words: which parts differ, and which node serves them right.
        differing: the prefixes of these parts, in order; none where it could not be read again, or
            is the same.
    """

    where: str
    differing: tuple[str, ...] = ()

    @classmethod
    async def by_each(
        cls,
        pool: NodePool,
        ledger: Ledger,
        first: Mapping[str, Subtree],
        again: Callable[[Sequence[str]], Awaitable[Mapping[str, Subtree]]],
    ) -> SecondReading:
        """Read by each node in turn, until one serves the ledger's own state.

        Args:
            pool: the nodes.
            ledger: whose state it is.
            first: the parts of the first reading, by prefix.
            again: reads all parts once more; it is given the nodes to avoid.
        """
        # Only nodes that hold the ledger: another one would be asked in vain, and say nothing.
        ready = [n for n in pool.nodes() if n.state == "ready"]
        nodes = [n.url for n in ready if ledger.ledger_index in n.ledgers]
        differing: set[str] = set()
        for node in nodes:
            try:
                subtrees = await again([other for other in nodes if other != node])
            except EkspiperError as error:
                return cls(f"it could not be read again: {error}")
            found = differing_subtrees(_hashes(first), _hashes(subtrees))
            if join_subtrees(list(subtrees.values())) == ledger.header.account_hash:
                alone = " from that node alone" if len(nodes) > 1 else ""
                return cls(
                    f"a second reading differs in the subtrees {_named(found)}, and {node} serves "
                    f"them right: run it again{alone}",
                    tuple(found),
                )
            # No node gives the right root, but what differs between readings is at least suspect.
            differing |= set(found)
        if differing:
            return cls(
                f"a second reading differs in the subtrees {_named(differing)}: run it again",
                tuple(sorted(differing)),
            )
        hashes = ", ".join(
            f"{prefix or 'all'} {tree.hash.hex()[:8].upper()}"
            for prefix, tree in sorted(first.items())
        )
        return cls(
            "a second reading gives the same, so the node serves it so: ask another one, and "
            f"compare the subtrees {hashes}"
        )


def _hashes(subtrees: Mapping[str, Subtree]) -> dict[str, bytes]:
    return {prefix: tree.hash for prefix, tree in subtrees.items()}


def _named(prefixes: Iterable[str]) -> str:
    return ", ".join(f"{prefix or 'all'}..." for prefix in sorted(prefixes))
