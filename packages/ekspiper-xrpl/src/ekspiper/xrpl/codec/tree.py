"""Root hashes of the ledger's trees: its transactions, and its state.

The tree is a radix tree over the hex digits of 256-bit keys. A leaf hangs as high as it can while
being alone under its prefix; the root is always an inner node.

Source: https://xrpl.org/docs/references/protocol/ledger-data/ledger-header, rippled's `SHAMap.cpp`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha512
from typing import Any

from . import _compiled_codec
from .errors import CodecError
from .length import encode_length
from .sha512 import (
    INNER_NODE,
    STATE_LEAF,
    TRANSACTION_LEAF,
    ZERO_HASH,
    transaction_id,
)

__all__ = [
    "StateTreeFold",
    "Subtree",
    "differing_subtrees",
    "join_subtrees",
    "state_root",
    "transaction_root",
    "transaction_tree_root",
]

_KEY_BITS = 256


@dataclass(frozen=True, slots=True)
class Subtree:
    """All leaves whose keys begin with `prefix` (hex digits), folded.

    Attributes:
        hash: of the inner node at the prefix, or of the only leaf; zeros when there is none.
        leaves: how many there are. A single leaf may hang higher than the prefix.
    """

    prefix: str
    hash: bytes
    leaves: int


class _TreeFold:
    """Folds leaves that come in the order of their keys, keeping one path of the tree.

    Memory: 16 hashes for each level of the path.
    """

    __slots__ = ("_depth", "_key", "_leaf", "_levels", "_result", "_shared", "count", "prefix")

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix.upper()
        self.count = 0
        self._depth = len(prefix)
        self._key = -1
        self._leaf = ZERO_HASH
        self._shared = self._depth  # digits that the last leaf shares with the one before it
        self._levels: list[list[bytes]] = []  # inner nodes, from the prefix downwards
        self._result: Subtree | None = None

    def add_leaf(self, key: int, leaf: bytes) -> None:
        """Take the next leaf by its hash; keys rise strictly."""
        if self.count:
            if key <= self._key:
                raise CodecError(
                    f"leaves are out of order: {key:064X} does not come after {self._key:064X}"
                )
            # Digits that both keys begin with: four bits each, up to the first that differs.
            shared = (_KEY_BITS - (key ^ self._key).bit_length()) >> 2
            self._place(shared)
            self._shared = shared
        self._key = key
        self._leaf = leaf
        self.count += 1

    def _place(self, shared_with_next: int) -> None:
        """Hang the last leaf where it is alone, and close the nodes that get no more leaves."""
        key, base, levels = self._key, self._depth, self._levels
        if shared_with_next < base:
            raise CodecError(f"{key:064X} and its successor are not both under {self.prefix}")
        # Below this the leaf is alone: neither the leaf before nor the one after goes that far.
        depth = max(self._shared, shared_with_next)
        while len(levels) <= depth - base:
            levels.append([ZERO_HASH] * 16)
        levels[depth - base][key >> (252 - 4 * depth) & 15] = self._leaf
        self._close(shared_with_next)

    def _close(self, depth: int) -> None:
        key, base, levels = self._key, self._depth, self._levels
        while len(levels) - 1 > depth - base:
            node = levels.pop()
            parent = len(levels) - 1
            digit = key >> (252 - 4 * (base + parent)) & 15
            levels[parent][digit] = sha512(INNER_NODE + b"".join(node)).digest()[:32]

    def subtree(self) -> Subtree:
        """What was folded. The fold is finished then."""
        if self._result is None:
            self._result = self._finish()
        return self._result

    def _finish(self) -> Subtree:
        if self.count == 0:
            return Subtree(self.prefix, ZERO_HASH, 0)
        if not f"{self._key:064X}".startswith(self.prefix):
            raise CodecError(f"{self._key:064X} is not under {self.prefix}")
        if self.count == 1:
            return Subtree(self.prefix, self._leaf, 1)
        self._place(self._depth)
        return Subtree(self.prefix, _inner_hash(self._levels[0]), self.count)

    def root(self) -> bytes:
        """The root hash of the whole tree. The fold is finished then."""
        if self.prefix:
            raise CodecError(f"a fold of {self.prefix} has no root: join its subtree with others")
        if self.count == 1:  # the root is an inner node also above a single leaf
            children = [ZERO_HASH] * 16
            children[self._key >> 252] = self._leaf
            return _inner_hash(children)
        return self.subtree().hash


class StateTreeFold(_TreeFold):
    """The tree of the ledger's objects, fed in the order of their indexes, page by page.

    Args:
        prefix: hex digits; only objects whose indexes begin with them are fed. Subtrees of shards
            are put together by `join_subtrees`.
    """

    __slots__ = ()

    def add(self, index: bytes, data: bytes) -> None:
        """Take the next object: its index and its bytes."""
        self.add_leaf(int.from_bytes(index), sha512(STATE_LEAF + data + index).digest()[:32])

    def add_page(self, objects: tuple[tuple[str, str], ...]) -> None:
        """Take the next objects: their indexes and their bytes, in hex."""
        if not self._fold_page(objects):
            # Where anything is out of the ordinary this finds out what.
            for index, data in objects:
                self.add(bytes.fromhex(index), bytes.fromhex(data))

    def _fold_page(self, objects: tuple[tuple[str, str], ...]) -> bool:
        proof = _compiled_codec.proof
        if proof is None:
            return False
        folded = proof.fold_page(
            objects,
            self._depth,
            self._key.to_bytes(32) if self.count else b"",
            self._leaf if self.count else b"",
            self._shared,
            [b"".join(node) for node in self._levels],
        )
        if folded is None:
            return False
        key, self._leaf, self._shared, levels = folded
        self._key = int.from_bytes(key)
        self._levels = [_hashes_in(node) for node in levels]
        self.count += len(objects)
        return True

    def save(self) -> dict[str, Any]:
        """How far it is, as a JSON value: a few kilobytes, however many objects were fed."""
        return {
            "prefix": self.prefix,
            "count": self.count,
            "key": f"{self._key:064X}" if self.count else "",
            "leaf": self._leaf.hex(),
            "shared": self._shared,
            "levels": [b"".join(node).hex() for node in self._levels],
        }

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> StateTreeFold:
        """The fold that `save` described, ready to continue."""
        fold = cls(saved["prefix"])
        fold.count = saved["count"]
        fold._key = int(saved["key"], 16) if fold.count else -1
        fold._leaf = bytes.fromhex(saved["leaf"])
        fold._shared = saved["shared"]
        fold._levels = [_hashes_in(bytes.fromhex(node)) for node in saved["levels"]]
        return fold


def _hashes_in(node: bytes) -> list[bytes]:
    """The 16 hashes of an inner node."""
    return [node[at : at + 32] for at in range(0, 512, 32)]


def state_root(objects: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The `account_hash` of a ledger from (index, data) of all its objects, in any order."""
    return _root([(index, STATE_LEAF + data + index) for index, data in objects])


def transaction_root(transactions: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The `transaction_hash` of a ledger from (tx_blob, meta_blob) of all its transactions."""
    return transaction_tree_root((transaction_id(tx), tx, meta) for tx, meta in transactions)


def transaction_tree_root(transactions: Iterable[tuple[bytes, bytes, bytes]]) -> bytes:
    """The same from (id, tx_blob, meta_blob), where the ids are known."""
    return _root([(key, _leaf(key, tx, meta)) for key, tx, meta in transactions])


def _root(leaves: list[tuple[bytes, bytes]]) -> bytes:
    """The root of the tree over leaves, each as its key and the bytes that it is the hash of."""
    proof = _compiled_codec.proof
    if proof is not None:
        hashes = proof.hash_many([data for _, data in leaves])
        root: bytes | None = proof.fold_leaves([key for key, _ in leaves], hashes)
        if root is not None:
            return root
    fold = _TreeFold()
    for key, data in sorted(leaves):
        fold.add_leaf(int.from_bytes(key), sha512(data).digest()[:32])
    return fold.root()


def _leaf(key: bytes, tx_blob: bytes, meta_blob: bytes) -> bytes:
    """What the leaf of a transaction is the hash of."""
    # The key stands behind the data, in leaves of both trees.
    parts = (
        TRANSACTION_LEAF,
        encode_length(len(tx_blob)),
        tx_blob,
        encode_length(len(meta_blob)),
        meta_blob,
        key,
    )
    return b"".join(parts)


def join_subtrees(subtrees: Sequence[Subtree]) -> bytes:
    """The root hash from the subtrees of all prefixes of one length: 16, 256, 4096, ...

    A prefix that is not given must be given as empty; a missing or doubled one is an error.
    """
    level = {subtree.prefix: subtree for subtree in subtrees}
    digits = len(next(iter(level), ""))
    if len(level) != len(subtrees) or set(level) != _prefixes(digits):
        raise CodecError(f"{len(subtrees)} subtrees are not those of all prefixes of one length")
    for length in range(digits - 1, -1, -1):
        level = {prefix: _parent(prefix, level) for prefix in _prefixes(length)}
    return level[""].hash


def _prefixes(length: int) -> set[str]:
    return {f"{value:0{length}X}" for value in range(16**length)} if length else {""}


def _parent(prefix: str, children: Mapping[str, Subtree]) -> Subtree:
    """The subtree of a prefix from those one digit longer: a leaf that is alone moves up."""
    below = [children[f"{prefix}{digit:X}"] for digit in range(16)]
    leaves = sum(child.leaves for child in below)
    if leaves == 0:
        return Subtree(prefix, ZERO_HASH, 0)
    # The tree has no inner node above a single leaf, except for the root.
    if leaves == 1 and prefix:
        return Subtree(prefix, next(child.hash for child in below if child.leaves), 1)
    return Subtree(prefix, _inner_hash([child.hash for child in below]), leaves)


def differing_subtrees(ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> list[str]:
    """The prefixes whose hashes are not the same on both sides, in order."""
    return sorted(
        prefix for prefix in ours.keys() | theirs.keys() if ours.get(prefix) != theirs.get(prefix)
    )


def _inner_hash(children: Sequence[bytes]) -> bytes:
    return sha512(INNER_NODE + b"".join(children)).digest()[:32]
