"""Cuts a whole state down to a few of its objects, while its objects pass."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from ekspiper.xrpl.codec import CodecError, StateTreeFold, sha512half

from .errors import Malformed
from .pruned_tree import Leaf, Node

__all__ = ["StatePruner"]

_INNER = b"MIN\0"
_ZERO = bytes(32)


class StatePruner:
    """Takes every object of a state once, and keeps those that are wanted and the hashes beside.

    Objects that begin with the same digits come in the order of their indexes; other than that,
    parts of a state may come side by side. Memory: the wanted objects, and 16 hashes for each
    digit of the path to each of them.

    Args:
        wanted: indexes of the objects to keep; some may not exist.
        digits: how many digits the parts have that come side by side.
    """

    def __init__(self, wanted: Iterable[bytes], *, digits: int = 2) -> None:
        self._wanted = sorted({index.hex() for index in wanted})
        self._digits = digits
        self._folds: dict[str, StateTreeFold] = {}
        self._kept: dict[str, Leaf] = {}

    def add(self, index: bytes, data: bytes) -> None:
        """Take the next object.

        Raises:
            Malformed: it is out of order, or was here before.
        """
        key = index.hex()
        place = bisect_left(self._wanted, key)
        if place < len(self._wanted) and self._wanted[place] == key:
            if key in self._kept:
                raise Malformed(f"the object {key.upper()} came twice")
            self._kept[key] = Leaf(index, data)
            return
        beside = self._wanted[max(0, place - 1) : place + 1]
        shared = max((_shared(key, other) for other in beside), default=0)
        # All objects with this prefix go into one hash: it is the longest that has no wanted
        # object. At least `digits`, so that a fold never has more than a part of the state.
        prefix = key[: max(shared + 1, self._digits)]
        fold = self._folds.get(prefix)
        if fold is None:
            fold = self._folds[prefix] = StateTreeFold(prefix)
        try:
            fold.add(index, data)
        except CodecError as error:
            raise Malformed(str(error)) from None

    def tree(self) -> Node:
        """The state with everything cut away but the wanted objects. No more may be added."""
        parts: dict[str, tuple[Node, int]] = {key: (leaf, 1) for key, leaf in self._kept.items()}
        for prefix, fold in self._folds.items():
            subtree = fold.subtree()
            parts[prefix] = (subtree.hash, subtree.leaves)
        node, _ = _built("", sorted(parts), parts)
        return node


def _built(prefix: str, names: list[str], parts: dict[str, tuple[Node, int]]) -> tuple[Node, int]:
    """The node at a prefix from the parts under it, and how many leaves it has."""
    if len(names) == 1 and prefix and (names[0] == prefix or parts[names[0]][1] == 1):
        return parts[names[0]]
    children: dict[int, Node] = {}
    leaves = 0
    start = 0
    while start < len(names):
        digit = names[start][len(prefix)]
        end = start + 1
        while end < len(names) and names[end][len(prefix)] == digit:
            end += 1
        child, count = _built(prefix + digit, names[start:end], parts)
        children[int(digit, 16)] = child
        leaves += count
        start = end
    if leaves == 1 and prefix:
        return next(iter(children.values())), 1
    if prefix and all(isinstance(child, bytes) for child in children.values()):
        return _inner_hash(children), leaves
    return children, leaves


def _inner_hash(children: dict[int, Node]) -> bytes:
    hashes = (children.get(digit, _ZERO) for digit in range(16))
    return sha512half(_INNER + b"".join(each for each in hashes if isinstance(each, bytes)))


def _shared(one: str, other: str) -> int:
    """How many digits two keys begin with in common."""
    for place in range(64):
        if one[place] != other[place]:
            return place
    return 64
