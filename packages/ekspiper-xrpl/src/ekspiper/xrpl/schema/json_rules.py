"""The rules of JSON from servers, compiled from the formats: names, types and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from .converts import FIXED_CONVERTS
from .field_types import NAMED_FIELDS
from .fitting_nodes import FittingNodes
from .formats import METADATA_TYPES, NODE_TYPES, Formats
from .inner_objects import ARRAY_ELEMENTS, INNER_FORMATS, NODE_OBJECTS
from .misfit import Misfit, Path, stranger, unknown_type
from .plans import Convert, Found, ObjectRule

__all__ = ["JsonRules"]

_OPTIONAL = 1
_META: Path = ((), "meta")
_remembered = lru_cache(maxsize=512)  # a server may make up any number of names


class JsonRules:
    """Checks transactions as servers print them, and brings them into the shape of records.

    What is handed back is a copy; what came in is not changed. Rules are compiled when they are
    first needed, and remember the shapes they met.
    """

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.transaction_rule = _remembered(self._transaction_rule)
        self.entry_rule = _remembered(self._entry_rule)
        self.inner_rule = _remembered(self._inner_rule)
        self.any_rule = _remembered(self._any_rule)
        self._metadata = ObjectRule(
            "meta",
            METADATA_TYPES,
            ("TransactionIndex", "TransactionResult", "AffectedNodes"),
            named=NAMED_FIELDS,
            converts={"AffectedNodes": self._nodes},
            accepts={"AffectedNodes": list},
        )
        self._node_rules = {kind: _node_rule(kind) for kind in NODE_OBJECTS}

    def transaction(self, fields: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The fields of a transaction in record shape, without what does not fit."""
        type_ = fields["TransactionType"]
        rule = self.transaction_rule(type_) if type(type_) is str else None
        if rule is None:
            found.append(unknown_type("TransactionType", type_))
            rule = self.any_rule(str(type_))
        return rule.normalise(fields, (), found)

    def metadata(self, meta: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """Metadata in record shape, without what does not fit."""
        record = self._metadata.normalise(meta, _META, found)
        result = record.get("TransactionResult", "")
        if result and result not in self.formats.definitions.transaction_results:
            found.append(unknown_type("TransactionResult", meta["TransactionResult"], _META))
        return record

    def _transaction_rule(self, name: str) -> ObjectRule | None:
        fields = self.formats.transactions.get(name)
        return None if fields is None else self._rule(name, fields)

    def _entry_rule(self, name: str) -> ObjectRule | None:
        """For an entry as metadata shows it: only what changed, so that nothing is required."""
        fields = self.formats.ledger_entries.get(name)
        return None if fields is None else self._rule(name, dict.fromkeys(fields, _OPTIONAL))

    def _inner_rule(self, name: str) -> ObjectRule:
        fields = INNER_FORMATS.get(name)
        return self.any_rule(name) if fields is None else self._rule(name, fields)

    def _any_rule(self, name: str) -> ObjectRule:
        """A rule for an object without a format: any known field, each of its own type."""
        return self._rule(name, dict.fromkeys(self.formats.types, _OPTIONAL))

    def _rule(self, name: str, fields: Mapping[str, int]) -> ObjectRule:
        types = self.formats.types
        known = {one: types[one] for one in fields if one in types}
        converts = {one: pair for one in known if (pair := self._convert(one, known[one]))}
        return ObjectRule(
            name,
            known,
            [one for one, optionality in fields.items() if optionality == 0],
            named=NAMED_FIELDS,
            converts={one: pair[0] for one, pair in converts.items()},
            accepts={one: pair[1] for one, pair in converts.items()},
        )

    def _convert(self, name: str, type_: str) -> tuple[Convert, type] | None:
        if type_ == "STArray":
            return self._convert_array(name), list
        if type_ == "STObject":
            return self._convert_object(name), dict
        return FIXED_CONVERTS.get(type_)

    def _convert_object(self, name: str) -> Convert:
        return lambda value, path, found: self.inner_rule(name).normalise(value, path, found)

    def _convert_array(self, name: str) -> Convert:
        expected = ARRAY_ELEMENTS.get(name)

        def convert(value: list[Any], path: Path, found: Found) -> list[Any]:
            kept = []
            for at, element in enumerate(value):
                ((kind, inner),) = element.items()
                if type(inner) is not dict or (expected is not None and kind not in expected):
                    found.append(stranger(name, kind, (path, at), element))
                    continue
                kept.append(
                    {kind: self.inner_rule(kind).normalise(inner, ((path, at), kind), found)}
                )
            return kept

        return convert

    def _nodes(self, value: list[Any], path: Path, found: Found) -> list[dict[str, Any]]:
        """Affected nodes: what they show follows the format of the ledger entry."""
        fitting = self._fitting_nodes.normalise(value, path, found)
        if fitting is not None:
            return fitting
        nodes = []
        for at, element in enumerate(value):
            ((kind, node),) = element.items()
            before = len(found)
            try:
                nodes.append({kind: self._node(kind, node, ((path, at), kind), found)})
            except (AttributeError, KeyError, TypeError):
                del found[before:]
                found.append(stranger("AffectedNodes", kind, (path, at), element))
        return nodes

    def _node(self, kind: str, node: dict[str, Any], around: Path, found: Found) -> dict[str, Any]:
        entry = node["LedgerEntryType"]
        known = self.entry_rule(entry) if type(entry) is str else None
        rule = known or self.any_rule(str(entry))
        record = self._node_rules[kind].normalise(node, around, found)
        for part in NODE_OBJECTS[kind]:
            if part in record:
                record[part] = rule.normalise(node[part], (around, part), found)
        if known is None:
            found.append(unknown_type("LedgerEntryType", entry, around))
        return record

    @cached_property
    def _fitting_nodes(self) -> FittingNodes:
        return FittingNodes(self.formats, self._convert)


def _node_rule(kind: str) -> ObjectRule:
    """The frame of a node; what is in its parts depends on the type of the entry."""
    parts = NODE_OBJECTS[kind]
    return ObjectRule(
        kind,
        {**NODE_TYPES, **dict.fromkeys(parts, "STObject")},
        ("LedgerEntryType", "LedgerIndex"),
        named=NAMED_FIELDS,
        accepts=dict.fromkeys(parts, dict),
    )
