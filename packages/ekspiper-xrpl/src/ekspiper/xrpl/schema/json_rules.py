"""The rules of JSON from servers, compiled from the formats: names, types and shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from .converts import FIXED_CONVERTS
from .field_types import NAMED_FIELDS
from .formats import METADATA_TYPES, NODE_TYPES, Formats
from .inner_objects import ARRAY_ELEMENTS, INNER_FORMATS, NODE_OBJECTS
from .misfit import Misfit, Path, stranger, unknown_type
from .plans import PLANS_LIMIT, Convert, Found, ObjectRule, Plan

__all__ = ["JsonRules"]

_OPTIONAL = 1
_META: Path = ((), "meta")
_NOTHING: dict[str, Any] = {}


class JsonRules:
    """Checks transactions as servers print them, and brings them into the shape of records.

    What is handed back is a copy; what came in is not changed. Rules are compiled when they are
    first needed, and remember the shapes they met.
    """

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.transaction_rule = cache(self._transaction_rule)
        self.entry_rule = cache(self._entry_rule)
        self.inner_rule = cache(self._inner_rule)
        self._metadata = ObjectRule(
            "meta",
            METADATA_TYPES,
            ("TransactionIndex", "TransactionResult", "AffectedNodes"),
            named=NAMED_FIELDS,
            converts={"AffectedNodes": self._nodes},
            accepts={"AffectedNodes": list},
        )
        self._node_plans: dict[tuple[Any, ...], _NodePlan] = {}
        self._node_rules = {kind: _node_rule(kind) for kind in NODE_OBJECTS}

    def transaction(self, fields: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The fields of a transaction in record shape, without what does not fit."""
        type_ = fields["TransactionType"]
        rule = self.transaction_rule(type_) if type(type_) is str else None
        if rule is None:
            found.append(unknown_type("TransactionType", type_))
            rule = self._any(str(type_))
        return rule.normalise(fields, (), found)

    def metadata(self, meta: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """Metadata in record shape, without what does not fit."""
        return self._metadata.normalise(meta, _META, found)

    def _transaction_rule(self, name: str) -> ObjectRule | None:
        fields = self.formats.transactions.get(name)
        return None if fields is None else self._rule(name, fields)

    def _entry_rule(self, name: str) -> ObjectRule | None:
        """For an entry as metadata shows it: only what changed, so that nothing is required."""
        fields = self.formats.ledger_entries.get(name)
        return None if fields is None else self._rule(name, dict.fromkeys(fields, _OPTIONAL))

    def _inner_rule(self, name: str) -> ObjectRule:
        fields = INNER_FORMATS.get(name)
        return self._any(name) if fields is None else self._rule(name, fields)

    def _any(self, name: str) -> ObjectRule:
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
        nodes = []
        plans = self._node_plans
        for at, element in enumerate(value):
            ((kind, node),) = element.items()
            try:
                plan = plans.get(_shape(kind, node)) or self._plan_node(kind, node)
            except (AttributeError, KeyError, TypeError):
                found.append(stranger("AffectedNodes", kind, (path, at), element))
                continue
            frame_rule, frame, hashes, part_rule, parts, is_stranger = plan
            around = ((path, at), kind)
            if (
                hashes is not None
                and [*map(len, hashes(node))] == frame.lengths
                and not node.get("PreviousTxnLgrSeq", 0) >> 32
            ):
                record = node.copy()
            else:
                record = frame_rule.apply(frame, node, around, found)
            for part, part_plan in parts:
                record[part] = part_rule.apply(part_plan, node[part], (around, part), found)
            if is_stranger:
                found.append(unknown_type("LedgerEntryType", node["LedgerEntryType"], around))
            nodes.append({kind: record})
        return nodes

    def _plan_node(self, kind: str, node: dict[str, Any]) -> _NodePlan:
        rule = self._node_rules[kind]
        entry = node["LedgerEntryType"]
        shown = self.entry_rule(entry) if type(entry) is str else None
        part_rule = shown or self._any(str(entry))
        frame = rule.plan(node)
        plan = _NodePlan(
            frame_rule=rule,
            frame=frame,
            hashes=None if frame.rest is not None else frame.sized,
            part_rule=part_rule,
            parts=tuple(
                (part, part_rule.plan(node[part]))
                for part in NODE_OBJECTS[kind]
                if type(node.get(part)) is dict
            ),
            is_stranger=shown is None,
        )
        if len(self._node_plans) >= PLANS_LIMIT:
            self._node_plans.clear()
        self._node_plans[_shape(kind, node)] = plan
        return plan


class _NodePlan(NamedTuple):
    """What is to be done with an affected node of one shape."""

    frame_rule: ObjectRule
    frame: Plan
    hashes: Callable[[Any], tuple[str, ...]] | None
    """Gets the hashes of a frame of which these and PreviousTxnLgrSeq are all there is to check."""
    part_rule: ObjectRule
    parts: tuple[tuple[str, Plan], ...]
    is_stranger: bool


def _shape(kind: str, node: dict[str, Any]) -> tuple[Any, ...]:
    """All names and types in a node and in the parts it shows.

    The numbers of names keep apart what would read the same.
    """
    shown = node.get(NODE_OBJECTS[kind][0]) or _NOTHING
    before = node.get("PreviousFields") or _NOTHING
    return (
        kind,
        node["LedgerEntryType"],
        len(node),
        len(shown),
        *node,
        *map(type, node.values()),
        *shown,
        *map(type, shown.values()),
        *before,
        *map(type, before.values()),
    )


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
