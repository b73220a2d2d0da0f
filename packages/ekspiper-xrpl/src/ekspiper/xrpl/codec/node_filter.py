"""Which affected nodes of metadata are decoded: most of them are of no interest to most readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .definitions import Definitions

__all__ = ["NodeFilter"]

_KINDS = frozenset({"CreatedNode", "ModifiedNode", "DeletedNode"})


class NodeFilter:
    """Shows the affected nodes of some types of entries. Decoders remember each: make it once.

    Passing over a node takes a tenth of the time of decoding it.

    Args:
        types: entries of which all nodes are shown.
        conditions: for other types the name of a field, or bits of `Flags`: a node is shown if one of
            its parts (`NewFields`, `FinalFields`, `PreviousFields`) has that field, or one of the bits.
    """

    __slots__ = ("entries",)

    def __init__(self, *types: str, **conditions: str | int | None) -> None:
        self.entries: Mapping[str, str | int | None] = {**dict.fromkeys(types), **conditions}

    def shown(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        """Metadata without the nodes that are not shown."""
        nodes = meta.get("AffectedNodes")
        if not isinstance(nodes, list):
            return dict(meta)
        return {**meta, "AffectedNodes": [node for node in nodes if self._shows(node)]}

    def by_code(self, definitions: Definitions) -> dict[int, str | int | None]:
        """The same by the codes of the types, for the compiled decoder."""
        codes = definitions.ledger_entry_types
        return {codes[name]: condition for name, condition in self.entries.items() if name in codes}

    def _shows(self, element: Mapping[str, Any]) -> bool:
        ((kind, node),) = element.items()
        # Who reads the nodes has to see what is odd about them.
        if kind not in _KINDS or not isinstance(node, dict) or "LedgerEntryType" not in node:
            return True
        type_ = node["LedgerEntryType"]
        if type_ not in self.entries:
            return False
        condition = self.entries[type_]
        parts = [part for part in node.values() if isinstance(part, dict)]
        if isinstance(condition, str):
            return any(condition in part for part in parts)
        return condition is None or any(part.get("Flags", 0) & condition for part in parts)
