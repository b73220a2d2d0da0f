"""The rules of all records, compiled from the formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from .converts import FIXED_CONVERTS
from .field_types import NAMED_FIELDS
from .formats import Formats
from .inner_objects import ARRAY_ELEMENTS, INNER_FORMATS, NODE_OBJECTS
from .misfit import Misfit, Path, path_text
from .name_rules import Check, NameRule
from .plans import Convert, Found, ObjectRule

__all__ = ["Rules"]

_REQUIRED = 0
_FITTING_LIMIT = 16_384
_METADATA = ("TransactionIndex", "TransactionResult", "AffectedNodes")
_METADATA_TYPES = {
    "TransactionIndex": "UInt32",
    "TransactionResult": "UInt8",
    "AffectedNodes": "STArray",
    "DeliveredAmount": "Amount",
    "ParentBatchID": "Hash256",
}
_NODE_TYPES = {
    "LedgerEntryType": "UInt16",
    "LedgerIndex": "Hash256",
    "PreviousTxnID": "Hash256",
    "PreviousTxnLgrSeq": "UInt32",
}


class Rules:
    """What every kind of object may hold: `names` for decoded ones, `shapes` for any JSON.

    Rules are made when they are first needed. They are not changed by use, other than in what
    they remember of the shapes they met.
    """

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.transaction_names = cache(self._transaction_names)
        self.transaction_shapes = cache(self._transaction_shapes)
        self.entry_names = cache(self._entry_names)
        self.entry_shapes = cache(self._entry_shapes)
        self.inner_names = cache(self._inner_names)
        self.inner_shapes = cache(self._inner_shapes)
        self.metadata_shapes = self._shapes(
            "meta", {**dict.fromkeys(_METADATA_TYPES, 1), **dict.fromkeys(_METADATA, _REQUIRED)}
        )
        self.metadata_names = NameRule("meta", _METADATA_TYPES, _METADATA)
        self._fitting: set[tuple[Any, ...]] = set()
        self._node_shapes = {kind: self._node_rule(kind) for kind in NODE_OBJECTS}
        self._node_names = {
            kind: NameRule(kind, (*_NODE_TYPES, *parts), ("LedgerEntryType", "LedgerIndex"))
            for kind, parts in NODE_OBJECTS.items()
        }

    # How each kind of object is compiled.

    def _transaction_names(self, name: str) -> NameRule | None:
        return self._names(name, self.formats.transactions.get(name))

    def _transaction_shapes(self, name: str) -> ObjectRule | None:
        fields = self.formats.transactions.get(name)
        return None if fields is None else self._shapes(name, fields)

    def _entry_names(self, name: str) -> NameRule | None:
        return self._names(name, self._shown(name))

    def _entry_shapes(self, name: str) -> ObjectRule | None:
        fields = self._shown(name)
        return None if fields is None else self._shapes(name, fields)

    def _shown(self, name: str) -> Mapping[str, int] | None:
        """A ledger entry's fields as metadata shows them: only what changed, so none required."""
        fields = self.formats.ledger_entries.get(name)
        return None if fields is None else dict.fromkeys(fields, 1)

    def _inner_names(self, name: str) -> NameRule:
        rule = self._names(name, INNER_FORMATS.get(name))
        return rule or self.any_names(name)

    def _inner_shapes(self, name: str) -> ObjectRule:
        fields = INNER_FORMATS.get(name)
        return self.any_shapes(name) if fields is None else self._shapes(name, fields)

    def any_names(self, name: str) -> NameRule:
        """A rule for an object without a format: any field that the definitions know."""
        return NameRule(name, self.formats.types, checks=self._checks(self.formats.types))

    def any_shapes(self, name: str) -> ObjectRule:
        """A rule for an object without a format: any field of its own type."""
        return self._shapes(name, dict.fromkeys(self.formats.types, 1))

    def _names(self, name: str, fields: Mapping[str, int] | None) -> NameRule | None:
        if fields is None:
            return None
        return NameRule(name, fields, _required(fields), checks=self._checks(fields))

    def _shapes(self, name: str, fields: Mapping[str, int]) -> ObjectRule:
        types = self.formats.types
        known = {one: types[one] for one in fields if one in types}
        converts = {one: pair for one in known if (pair := self._convert(one, known[one]))}
        return ObjectRule(
            name,
            known,
            _required(fields),
            named=NAMED_FIELDS,
            converts={one: pair[0] for one, pair in converts.items()},
            accepts={one: pair[1] for one, pair in converts.items()},
        )

    def _node_rule(self, kind: str) -> ObjectRule:
        parts = dict.fromkeys(NODE_OBJECTS[kind], "STObject")
        return ObjectRule(
            kind,
            {**_NODE_TYPES, **parts},
            ("LedgerEntryType", "LedgerIndex"),
            named=NAMED_FIELDS,
            accepts=dict.fromkeys(parts, dict),
        )

    # How fields with objects inside are checked.

    def _checks(self, fields: Iterable[str]) -> dict[str, Check]:
        types = self.formats.types
        checks: dict[str, Check] = {}
        for name in fields:
            if types.get(name) == "STArray":
                checks[name] = self._check_array(name)
            elif types.get(name) == "STObject":
                checks[name] = self._check_object(name)
            elif name == "PermissionValue":
                checks[name] = _code_text
        return checks

    def _check_object(self, name: str) -> Check:
        return lambda value, path, found: self.inner_names(name).check(value, path, found)

    def _check_array(self, name: str) -> Check:
        expected = ARRAY_ELEMENTS.get(name)

        def check(value: list[dict[str, Any]], path: Path, found: list[Misfit]) -> Any:
            kept = []
            for at, element in enumerate(value):
                ((kind, inner),) = element.items()
                if expected is not None and kind not in expected:
                    found.append(_stranger(name, kind, (path, at), element))
                    continue
                checked = self.inner_names(kind).check(inner, ((path, at), kind), found)
                kept.append(element if checked is inner else {kind: checked})
            return kept

        return check

    def _convert(self, name: str, type_: str) -> tuple[Convert, type] | None:
        if name == "AffectedNodes":
            return self.normalise_nodes, list
        if type_ == "STArray":
            return self._convert_array(name), list
        if type_ == "STObject":
            return self._convert_object(name), dict
        return FIXED_CONVERTS.get(type_)

    def _convert_object(self, name: str) -> Convert:
        return lambda value, path, found: self.inner_shapes(name).normalise(value, path, found)

    def _convert_array(self, name: str) -> Convert:
        expected = ARRAY_ELEMENTS.get(name)

        def convert(value: list[Any], path: Path, found: Found) -> list[Any]:
            kept = []
            for at, element in enumerate(value):
                ((kind, inner),) = element.items()
                if type(inner) is not dict or (expected is not None and kind not in expected):
                    found.append(_stranger(name, kind, (path, at), element))
                    continue
                rule = self.inner_shapes(kind)
                kept.append({kind: rule.normalise(inner, ((path, at), kind), found)})
            return kept

        return convert

    # Affected nodes: what they show follows the format of the ledger entry.

    def check_nodes(
        self, value: list[dict[str, Any]], path: Path, found: list[Misfit]
    ) -> list[dict[str, Any]]:
        """Decoded affected nodes without their misfits: the same list when there are none."""
        changed: dict[int, dict[str, Any]] = {}
        fitting = self._fitting
        for at, element in enumerate(value):
            for kind, node in element.items():
                if _node_key(kind, node) in fitting:
                    continue
                before = len(found)
                checked = self._check_node(kind, node, ((path, at), kind), found)
                if checked is not node:
                    changed[at] = {kind: checked}
                elif len(found) == before and self._is_flat(kind, node):
                    self._remember(_node_key(kind, node))
        if not changed:
            return value
        return [changed.get(at, element) for at, element in enumerate(value)]

    def _is_flat(self, kind: str, node: dict[str, Any]) -> bool:
        """Whether its names alone say that it fits: no objects are inside what it shows."""
        rule = self.entry_names(node["LedgerEntryType"])
        parts = [node[part] for part in NODE_OBJECTS[kind] if part in node]
        return rule is not None and all(rule.checks.keys().isdisjoint(part) for part in parts)

    def _remember(self, key: tuple[Any, ...]) -> None:
        if len(self._fitting) >= _FITTING_LIMIT:
            self._fitting.clear()
        self._fitting.add(key)

    def _check_node(
        self, kind: str, node: dict[str, Any], path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        entry = node["LedgerEntryType"]
        rule = self.entry_names(entry)
        checked = self._node_names[kind].check(node, path, found)
        if rule is None:
            found.append(_unknown_entry(entry, path))
            rule = self.any_names(str(entry))
            checked = {**checked, "LedgerEntryType": str(entry)}
        for part in NODE_OBJECTS[kind]:
            shown = node.get(part)
            if shown is not None:
                fields = rule.check(shown, (path, part), found)
                if fields is not shown:
                    checked = {**checked, part: fields}
        return checked

    def normalise_nodes(self, value: list[Any], path: Path, found: Found) -> list[dict[str, Any]]:
        """Affected nodes in record shape."""
        nodes = []
        for at, element in enumerate(value):
            ((kind, node),) = element.items()
            rule = self._node_shapes.get(kind)
            if rule is None or type(node) is not dict:
                found.append(_stranger("AffectedNodes", kind, (path, at), element))
                continue
            nodes.append({kind: self._normalise_node(kind, rule, node, ((path, at), kind), found)})
        return nodes

    def _normalise_node(
        self, kind: str, rule: ObjectRule, node: dict[str, Any], path: Path, found: Found
    ) -> dict[str, Any]:
        record = rule.normalise(node, path, found)
        entry = record.get("LedgerEntryType")
        shapes = self.entry_shapes(entry) if entry is not None else None
        if shapes is None:
            if entry is not None:
                found.append(_unknown_entry(entry, path))
            shapes = self.any_shapes(str(entry))
        for part in NODE_OBJECTS[kind]:
            shown = record.get(part)
            if shown is not None:
                record[part] = shapes.normalise(shown, (path, part), found)
        return record


def _node_key(kind: str, node: dict[str, Any]) -> tuple[Any, ...]:
    """All names in an affected node. Parts of one node may hold the same names, so where one part
    ends and the next begins does not matter; where the node's own names end does."""
    return (
        kind,
        node["LedgerEntryType"],
        len(node),
        *node,
        *node.get("NewFields", ()),
        *node.get("FinalFields", ()),
        *node.get("PreviousFields", ()),
    )


def _required(fields: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name for name, optionality in fields.items() if optionality == _REQUIRED)


def _code_text(value: Any, path: Path, found: list[Misfit]) -> Any:
    """A permission without a name stays a number in the ledger; a column holds text."""
    return value if type(value) is str else str(value)


def _stranger(array: str, kind: str, path: Path, element: Any) -> Misfit:
    return Misfit("unknown_field", f"{array}.{kind}", path_text(path), element)


def _unknown_entry(entry: Any, path: Path) -> Misfit:
    where = path_text((path, "LedgerEntryType"))
    return Misfit("unknown_type", f"LedgerEntryType.{entry}", where, entry)
