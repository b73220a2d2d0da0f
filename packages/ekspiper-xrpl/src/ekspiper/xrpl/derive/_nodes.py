"""Affected nodes as states of a ledger entry before and after a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ekspiper.xrpl.codec import ends_early

__all__ = ["Change", "Node", "changes"]

Change = Literal["created", "modified", "deleted"]

_KINDS: Mapping[str, Change] = {
    "CreatedNode": "created",
    "ModifiedNode": "modified",
    "DeletedNode": "deleted",
}


@dataclass(frozen=True, slots=True)
class Node:
    """What a transaction did to one ledger entry.

    Args:
        change: whether it created, modified or deleted it.
        type: the type of the entry.
        index: the key of the entry.
        now: the fields it has afterwards; of a deleted one, what it had at the end.
        before: the earlier values of those fields that changed.
        has_before: whether metadata shows any change; it may with `before` empty, where fields
            got their first value.
    """

    change: Change
    type: str
    index: str
    now: Mapping[str, Any]
    before: Mapping[str, Any]
    has_before: bool

    def get(self, name: str) -> Any:
        """A field, wherever it is shown."""
        return self.now.get(name, self.before.get(name))


_NONE: Mapping[str, Any] = {}


def changes(meta: Mapping[str, Any], *types: str) -> Iterator[Node]:
    """The entries that a transaction affected, in the order of its metadata.

    Args:
        meta: metadata in record shape or as a server prints it.
        types: only entries of these types; all without any.

    Raises:
        ValueError: after the entries that could be read: there are more, which could not.
    """
    unread = ends_early(meta)
    for element in meta["AffectedNodes"]:
        for kind, node in element.items():
            # Decoding stops where it ends early, so such a node is the last of all.
            if kind not in _KINDS or (unread and ends_early(node)):
                unread = True
                continue
            type_ = node["LedgerEntryType"]
            if types and type_ not in types:
                continue
            now = node.get("NewFields") or node.get("FinalFields") or _NONE
            before = node.get("PreviousFields")
            yield Node(
                _KINDS[kind], type_, node["LedgerIndex"], now, before or _NONE, before is not None
            )
    if unread:
        raise ValueError("part of the metadata is of a type that the definitions do not know")
