"""Trees of a ledger with everything cut away that a proof does not need.

An inner node has up to 16 children. A child that was cut away is its hash; a leaf has its bytes. The
hash of the root is then the same as that of the whole tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ekspiper.xrpl.codec import CodecError, encode_length, read_length, sha512half

from .errors import Malformed

__all__ = [
    "Leaf",
    "Node",
    "TreeKind",
    "join_transaction",
    "prune",
    "read_tree",
    "read_tree_leaves",
    "root_hash",
    "split_transaction",
    "trim",
    "written_tree",
]

TreeKind = Literal["state", "tx"]

_INNER = b"MIN\0"
_LEAVES: dict[TreeKind, bytes] = {"state": b"MLN\0", "tx": b"SND\0"}
_ZERO = bytes(32)
_DEPTH = 64  # hex digits of a key
_TREE_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a tree.

    Attributes:
        key: the index of an object, or the hash of a transaction.
        data: of an object, its bytes; of a transaction, its bytes and those of its metadata, each
            behind its length.
    """

    key: bytes
    data: bytes

    def hash(self, kind: TreeKind) -> bytes:
        """The hash of the leaf in a tree of that kind."""
        return sha512half(_LEAVES[kind] + self.data + self.key)


Node = bytes | Leaf | Mapping[int, "Node"]
"""A hash, a leaf, or an inner node: its children by hex digit."""


def root_hash(root: Node, kind: TreeKind) -> bytes:
    """The hash of the tree.

    Raises:
        Malformed: the root is not an inner node, the tree is too deep, or a leaf hangs in the
            wrong place.
    """
    if not isinstance(root, Mapping):
        raise Malformed("the root of a tree is an inner node")
    return _hash(root, kind, "")


def _hash(node: Node, kind: TreeKind, prefix: str) -> bytes:
    if isinstance(node, bytes):
        if len(node) != 32:
            raise Malformed(f"the hash at {prefix} of a tree has {len(node)} bytes")
        return node
    if isinstance(node, Leaf):
        if not node.key.hex().startswith(prefix) or len(node.key) != 32:
            raise Malformed(f"the leaf {node.key.hex().upper()} hangs at {prefix.upper()}")
        return node.hash(kind)
    if len(prefix) >= _DEPTH:
        raise Malformed(f"a tree is deeper than {_DEPTH}")
    children = (
        _hash(node[digit], kind, f"{prefix}{digit:x}") if digit in node else _ZERO
        for digit in range(16)
    )
    return sha512half(_INNER + b"".join(children))


def read_tree_leaves(root: Node) -> Iterator[Leaf]:
    """The leaves that a tree still has, in the order of their keys."""
    if isinstance(root, Leaf):
        yield root
    elif isinstance(root, Mapping):
        for digit in sorted(root):
            yield from read_tree_leaves(root[digit])


def written_tree(node: Node) -> Any:
    """A tree as a JSON value: a hash as hex, a leaf as key and data in hex, children by digit."""
    if isinstance(node, bytes):
        return node.hex()
    if isinstance(node, Leaf):
        return [node.key.hex(), node.data.hex()]
    return {f"{digit:x}": written_tree(child) for digit, child in sorted(node.items())}


def read_tree(value: Any, *, depth: int = 0) -> Node:
    """The tree that `written_tree` wrote.

    Raises:
        Malformed: it is something else.
    """
    try:
        if isinstance(value, str):
            return bytes.fromhex(value)
        if isinstance(value, list):
            key, data = value
            return Leaf(bytes.fromhex(key), bytes.fromhex(data))
        if isinstance(value, dict) and depth <= _DEPTH and set(value) <= _TREE_DIGITS:
            return {
                int(digit, 16): read_tree(child, depth=depth + 1) for digit, child in value.items()
            }
    except (ValueError, TypeError):
        pass
    raise Malformed("a tree has something that is not a node")


def prune(hashes: Sequence[tuple[bytes, bytes]], wanted: Leaf) -> Node:
    """The tree with one leaf and the hashes beside its path.

    Args:
        hashes: key and hash of every leaf of the whole tree, sorted by key.
        wanted: the leaf to keep.

    Raises:
        Malformed: the tree has no leaf of that key.
    """
    place = bisect_left(hashes, (wanted.key, b""))
    if place == len(hashes) or hashes[place][0] != wanted.key:
        raise Malformed(f"the tree has no leaf {wanted.key.hex().upper()}")
    return _pruned(hashes, 0, wanted)


def trim(node: Node, kind: TreeKind, keys: Container[bytes]) -> Node:
    """A pruned tree with only some of its leaves, and the same root.

    Args:
        keys: of the leaves to keep.
    """
    return _trimmed(node, kind, keys, "")


def _trimmed(node: Node, kind: TreeKind, keys: Container[bytes], prefix: str) -> Node:
    if isinstance(node, bytes):
        return node
    if isinstance(node, Leaf):
        return node if node.key in keys else node.hash(kind)
    children = {
        digit: _trimmed(child, kind, keys, f"{prefix}{digit:x}") for digit, child in node.items()
    }
    # Nothing that is wanted is below this node, so its hash stands for all of it. The root stays a
    # node.
    if prefix and all(isinstance(child, bytes) for child in children.values()):
        return _hash(children, kind, prefix)
    return children


def _pruned(hashes: Sequence[tuple[bytes, bytes]], depth: int, wanted: Leaf) -> Node:
    if len(hashes) == 1 and depth:
        return wanted
    own = _digit(wanted.key, depth)
    return {
        digit: _pruned(group, depth + 1, wanted) if digit == own else _subtree(group, depth + 1)
        for digit, group in _groups(hashes, depth)
    }


def _subtree(hashes: Sequence[tuple[bytes, bytes]], depth: int) -> bytes:
    if len(hashes) == 1:
        return hashes[0][1]
    children = [_ZERO] * 16
    for digit, group in _groups(hashes, depth):
        children[digit] = _subtree(group, depth + 1)
    return sha512half(_INNER + b"".join(children))


def _groups(
    hashes: Sequence[tuple[bytes, bytes]], depth: int
) -> Iterator[tuple[int, Sequence[tuple[bytes, bytes]]]]:
    """The leaves by their digit at a depth."""
    start = 0
    while start < len(hashes):
        digit = _digit(hashes[start][0], depth)
        end = start + 1
        while end < len(hashes) and _digit(hashes[end][0], depth) == digit:
            end += 1
        yield digit, hashes[start:end]
        start = end


def _digit(key: bytes, depth: int) -> int:
    return key[depth >> 1] >> (0 if depth & 1 else 4) & 15


def join_transaction(tx: bytes, meta: bytes) -> bytes:
    """The data of a transaction's leaf from its bytes and those of its metadata."""
    try:
        return b"".join((encode_length(len(tx)), tx, encode_length(len(meta)), meta))
    except CodecError as error:
        raise Malformed(str(error)) from None


def split_transaction(data: bytes) -> tuple[bytes, bytes]:
    """The bytes of a transaction and of its metadata from the data of its leaf."""
    try:
        size, start = read_length(data, 0)
        tx = data[start : start + size]
        size, start = read_length(data, start + size)
        meta = data[start : start + size]
    except (IndexError, ValueError):
        raise Malformed("the leaf of a transaction ends within it") from None
    # A length can be written in several ways, and bytes may follow: only one form hashes to the
    # leaf.
    if join_transaction(tx, meta) != data:
        raise Malformed("the leaf of a transaction does not end with its metadata")
    return tx, meta
