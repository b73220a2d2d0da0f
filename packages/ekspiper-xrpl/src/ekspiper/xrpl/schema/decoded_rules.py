"""The rules of decoded objects, compiled from the formats: which names they may and must have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from operator import is_not
from typing import Any

from ekspiper.xrpl.codec import UNRECOGNIZED

from .formats import METADATA_TYPES, NODE_TYPES, Formats
from .inner_objects import ARRAY_ELEMENTS, INNER_FORMATS, NODE_OBJECTS
from .misfit import Misfit, Path, path_text, stranger, unknown_type, unread

__all__ = ["Check", "DecodedRules", "NameRule"]

Check = Callable[[Any, Path, list[Misfit]], Any]
"""Takes a value, its path and the list of misfits; returns the value without its misfits."""

# Real ledgers have far fewer. Somebody could make up more, one a transaction, to fill memory.
_SHAPES_LIMIT = 4096


class NameRule:
    """The fields that a decoded object may and must have.

    Args:
        name: what its misfits are counted under.
        names: the fields it may have.
        required: the fields it must have.
        checks: the fields with objects inside, and how to check those.
    """

    __slots__ = ("_shapes", "checks", "name", "names", "required")

    def __init__(
        self,
        name: str,
        names: Collection[str],
        required: Sequence[str] = (),
        *,
        checks: Mapping[str, Check] | None = None,
    ) -> None:
        self.name = name
        self.names = frozenset(names)
        self.required = frozenset(required)
        self.checks = checks or {}
        # Ledgers hold few shapes: which names come together is looked up after the first time.
        self._shapes: dict[tuple[str, ...], tuple[str, ...] | None] = {}

    def check(self, value: dict[str, Any], path: Path, found: list[Misfit]) -> dict[str, Any]:
        """`value` itself when it fits; otherwise a copy without what does not."""
        # In their order: the bytes have one, so objects of one shape give the same tuple.
        names = tuple(value)
        shapes = self._shapes
        holding = shapes[names] if names in shapes else self._learn(names)
        if holding is None:
            # The slow way: only objects that do not fit are copied.
            return self._without_misfits(value, path, found)
        return self._check_inside(value, holding, path, found) if holding else value

    def _learn(self, names: tuple[str, ...]) -> tuple[str, ...] | None:
        """Which fields of an object with these names hold objects; None if it does not fit."""
        having = frozenset(names)
        fits = self.required <= having <= self.names
        holding = tuple(name for name in names if name in self.checks) if fits else None
        if len(self._shapes) >= _SHAPES_LIMIT:
            # All at once: those that are in use are learned again within one ledger.
            self._shapes.clear()
        self._shapes[names] = holding
        return holding

    def _check_inside(
        self, value: dict[str, Any], holding: Iterable[str], path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        for name in holding:
            checked = self.checks[name](value[name], (path, name), found)
            # By identity: an equal copy would cost a comparison of all that is inside.
            if checked is not value[name]:
                value = {**value, name: checked}
        return value

    def _without_misfits(
        self, value: dict[str, Any], path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        for name in (name for name in value if name not in self.names):
            if name == UNRECOGNIZED:
                found.append(unread(value[name], (path, name)))
                continue
            where = path_text((path, name))
            found.append(Misfit("unknown_field", f"{self.name}.{name}", where, value[name]))
        # Sorted, so that the report of two runs is the same.
        for name in sorted(self.required - value.keys()):
            found.append(Misfit("missing_field", f"{self.name}.{name}", path_text((path, name))))
        known = {name: one for name, one in value.items() if name in self.names}
        holding = [name for name in known if name in self.checks]
        return self._check_inside(known, holding, path, found)


_META: Path = ((), "meta")
_NODES: Path = (_META, "AffectedNodes")


class DecodedRules:
    """Checks what a decoder made. What fits is handed back as it is, not copied.

    Rules are compiled when they are first needed.
    """

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.transaction_rule = cache(self._transaction_rule)
        self.entry_rule = cache(self._entry_rule)
        self.inner_rule = cache(self._inner_rule)
        self.whole_entry_rule = cache(self._make_whole_entry_rule)
        self._metadata = NameRule(
            "meta", METADATA_TYPES, ("TransactionIndex", "TransactionResult", "AffectedNodes")
        )
        self._nodes = {
            kind: NameRule(kind, (*NODE_TYPES, *parts), ("LedgerEntryType", "LedgerIndex"))
            for kind, parts in NODE_OBJECTS.items()
        }
        self._frames = {kind: rule.names for kind, rule in self._nodes.items()}
        self._results = formats.definitions.transaction_results
        self.plain_names = cache(self._plain_names)

    def transaction(self, fields: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The fields of a transaction without what does not fit."""
        type_ = fields.get("TransactionType")
        rule = self._any("transaction") if type_ is None else self.transaction_rule(type_)
        if rule is not None:
            return rule.check(fields, (), found)
        found.append(unknown_type("TransactionType", type_))
        checked = self._any(str(type_)).check(fields, (), found)
        # Text in every record: a column does not change its type for a code without a name.
        return {**checked, "TransactionType": str(type_)}

    def metadata(self, meta: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """Metadata without what does not fit."""
        checked = self._metadata.check(meta, _META, found)
        nodes = checked.get("AffectedNodes", [])
        fitting = self._check_nodes(nodes, found)
        if fitting is not nodes:
            checked = {**checked, "AffectedNodes": fitting}
        result = checked.get("TransactionResult")
        # The decoder gives the number where the definitions have no name for it; a column holds
        # text.
        if type(result) is int or (result is not None and result not in self._results):
            found.append(unknown_type("TransactionResult", result, _META))
            checked = {**checked, "TransactionResult": str(result)}
        return checked

    def entry(self, fields: dict[str, Any], found: list[Misfit]) -> dict[str, Any]:
        """The fields of a ledger object without what does not fit."""
        type_ = fields["LedgerEntryType"]
        rule = self.whole_entry_rule(type_)
        if rule is not None:
            return rule.check(fields, (), found)
        found.append(unknown_type("LedgerEntryType", type_))
        checked = self._any(str(type_)).check(fields, (), found)
        return {**checked, "LedgerEntryType": str(type_)}

    def _transaction_rule(self, name: str) -> NameRule | None:
        return self._rule(name, self.formats.transactions.get(name))

    def _make_whole_entry_rule(self, name: str) -> NameRule | None:
        return self._rule(name, self.formats.ledger_entries.get(name))

    def _entry_rule(self, name: str) -> NameRule | None:
        """For an entry as metadata shows it: only what changed, so that nothing is required."""
        fields = self.formats.ledger_entries.get(name)
        return None if fields is None else self._rule(name, dict.fromkeys(fields, 1))

    def _plain_names(self, entry: Any) -> frozenset[str] | None:
        """The fields of an entry that fit whatever they hold; None where it has no format."""
        rule = self.entry_rule(entry)
        return None if rule is None else rule.names - rule.checks.keys()

    def _inner_rule(self, name: str) -> NameRule:
        return self._rule(name, INNER_FORMATS.get(name)) or self._any(name)

    def _any(self, name: str) -> NameRule:
        """A rule for an object without a format: any field that the definitions know."""
        return NameRule(name, self.formats.types, checks=self._checks(self.formats.types))

    def _rule(self, name: str, fields: Mapping[str, int] | None) -> NameRule | None:
        if fields is None:
            return None
        # 2, "default", means that a field with its default value is left out of the bytes.
        required = [one for one, optionality in fields.items() if optionality == 0]
        return NameRule(name, fields, required, checks=self._checks(fields))

    def _checks(self, fields: Iterable[str]) -> dict[str, Check]:
        types = self.formats.types
        checks: dict[str, Check] = {}
        for name in fields:
            if types.get(name) == "STArray":
                checks[name] = self._check_array(name)
            elif types.get(name) == "STObject":
                checks[name] = self._check_object(name)
            elif name == "PermissionValue":
                checks[name] = _name_text
        return checks

    def _check_object(self, name: str) -> Check:
        return lambda value, path, found: self.inner_rule(name).check(value, path, found)

    def _check_array(self, name: str) -> Check:
        expected = ARRAY_ELEMENTS.get(name, ())

        def check(value: list[dict[str, Any]], path: Path, found: list[Misfit]) -> Any:
            kept = []
            for at, element in enumerate(value):
                # The decoder makes elements of exactly one member.
                ((kind, inner),) = element.items()
                if type(inner) is not dict or (expected and kind not in expected):
                    found.append(stranger(name, kind, (path, at), element))
                    continue
                checked = self.inner_rule(kind).check(inner, ((path, at), kind), found)
                kept.append(element if checked is inner else {kind: checked})
            changed = len(kept) != len(value) or any(map(is_not, kept, value))
            return kept if changed else value

        return check

    # Affected nodes are most of a ledger, and nearly all of them fit. So what makes a node fit is
    # asked at once, by sets of names, and only a node that does not goes through the rules.
    def _check_nodes(
        self, nodes: list[dict[str, Any]], found: list[Misfit]
    ) -> list[dict[str, Any]]:
        changed: dict[int, dict[str, Any]] = {}
        frames, plain_names = self._frames, self.plain_names
        for at, element in enumerate(nodes):
            for kind, node in element.items():
                if kind not in frames:  # the definitions do not know it, so that it is hex
                    found.append(stranger("AffectedNodes", kind, (_NODES, at), element))
                    changed[at] = {}
                    continue
                plain = plain_names(node.get("LedgerEntryType"))
                if (
                    plain is not None
                    and "LedgerIndex" in node
                    and frames[kind].issuperset(node)
                    and plain.issuperset(node.get("FinalFields") or node.get("NewFields", ()))
                    and plain.issuperset(node.get("PreviousFields", ()))
                ):
                    continue
                checked = self._check_node(kind, node, ((_NODES, at), kind), found)
                if checked is not node:
                    changed[at] = {kind: checked}
        if not changed:
            return nodes
        kept = (changed.get(at, element) for at, element in enumerate(nodes))
        return [element for element in kept if element]

    def _check_node(
        self, kind: str, node: dict[str, Any], path: Path, found: list[Misfit]
    ) -> dict[str, Any]:
        entry = node.get("LedgerEntryType")
        rule = self.entry_rule(entry)
        checked = self._nodes[kind].check(node, path, found)
        if entry is None:  # it is reported as missing already
            rule = self._any(kind)
        elif rule is None:
            found.append(unknown_type("LedgerEntryType", entry, path))
            rule = self._any(str(entry))
            checked = {**checked, "LedgerEntryType": str(entry)}
        for part in NODE_OBJECTS[kind]:
            shown = node.get(part)
            if shown is not None:
                fields = rule.check(shown, (path, part), found)
                if fields is not shown:
                    checked = {**checked, part: fields}
        return checked


def _name_text(value: Any, path: Path, found: list[Misfit]) -> Any:
    """A permission without a name stays a number in the ledger; a column holds text."""
    if type(value) is str:
        return value
    found.append(unknown_type("PermissionValue", value, path[0]))
    return str(value)
