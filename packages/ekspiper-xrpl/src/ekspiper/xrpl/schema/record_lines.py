"""Records as lines of JSON, written straight from their bytes by the compiled codec.

The rules of decoded objects become tables here: in which object which fields may stand. A field whose
type the definitions give has that type by construction, so names are all that is left to check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from ekspiper.xrpl.codec import line_writer
from ekspiper.xrpl.derive import DELIVERING, delivers_in_full
from ekspiper.xrpl.ledger import LedgerInfo, Transaction
from ekspiper.xrpl.sources import ObjectPage

from .decoded_rules import DecodedRules, NameRule
from .formats import METADATA_TYPES, NODE_TYPES
from .inner_objects import ARRAY_ELEMENTS, NODE_OBJECTS

__all__ = ["RecordLines"]

# Contexts of _line_writer.pxi: 1 is a value that is not an object, and the highest number means "the
# entry that the node names".
_PLAIN = 1
_BY_ENTRY = 0xFFFF

# The compiled writer marks the required fields that it has seen in the bits of one integer.
_MOST_REQUIRED = 63

Context = tuple[dict[str, int], tuple[str, ...] | None]
"""What an object or array may hold: for each name what is inside (1: no object; else the number of a
context), and which names it must hold; None where no object fits that the compiled codec can read."""


class RecordLines:
    """The lines of records, where everything in them fits the schema.

    Args:
        rules: of the schema; what does not fit them has no line.
    """

    def __init__(self, rules: DecodedRules) -> None:
        self._writer = line_writer(rules.formats.definitions, partial(_tables, rules))
        # As one value, which threads read and replace whole.
        self._entered: tuple[LedgerInfo | None, bytes, bool] = None, b"", False

    def transaction(self, transaction: Transaction, network_id: int) -> bytes | None:
        """The line, with its newline; None where the record has to be made as an object.

        Args:
            transaction: in binary.
            network_id: for `ctid`; a transaction's own NetworkID goes first.
        """
        if self._writer is None:
            return None
        ledger = transaction.ledger
        place, late = self._shared(ledger)
        line: bytes | None = self._writer.line(
            transaction.tx_blob,
            transaction.meta_blob,
            transaction.hash.encode(),
            place,
            ledger.header.ledger_index,
            network_id,
            late,
        )
        return line

    def ledger(
        self, ledger: LedgerInfo, network_id: int, *, data: bytes, spans: bytes, ids: bytes
    ) -> bytes | None:
        """The lines of all transactions of a ledger, in one piece; None where one has none.

        Args:
            ledger: that they are in.
            network_id: as in `transaction`.
            data: their bytes; see `TransactionBlobs`, also for `spans` and `ids`.
        """
        if self._writer is None:
            return None
        place, late = self._shared(ledger)
        index = ledger.header.ledger_index
        lines: bytes | None = self._writer.lines(data, spans, ids, place, index, network_id, late)
        return lines

    def ledger_object(
        self, data: bytes, *, index: str, ledger_index: int, ledger_hash: str
    ) -> bytes | None:
        """The line, with its newline; None where the record has to be made as an object."""
        if self._writer is None:
            return None
        place = _object_place(ledger_index, ledger_hash)
        line: bytes | None = self._writer.object_line(data, index, place)
        return line

    def ledger_objects(self, page: ObjectPage) -> tuple[bytes, int] | None:
        """The lines of the wanted objects of a page in one piece, and how many; None where one of them
        has none."""
        if self._writer is None:
            return None
        place = _object_place(page.ledger_index, page.ledger_hash)
        lines: tuple[bytes, int] | None = self._writer.object_lines(
            page.objects, place, page.type_codes
        )
        return lines

    def _shared(self, ledger: LedgerInfo) -> tuple[bytes, bool]:
        """What all lines of a ledger share, made once for each."""
        entered, place, late = self._entered
        if entered is not ledger:
            members = {
                "ledger_index": ledger.ledger_index,
                "ledger_hash": ledger.ledger_hash,
                "close_time_iso": ledger.close_time_iso,
            }
            # Without the braces, so that it can be put into each line as it is.
            place = orjson.dumps(members)[1:-1]
            late = delivers_in_full(ledger.ledger_index, ledger.header.close_time)
            self._entered = ledger, place, late
        return place, late


def _object_place(ledger_index: int, ledger_hash: str) -> bytes:
    """What all lines of a state share."""
    return b'"ledger_index":%d,"ledger_hash":"%b"' % (ledger_index, ledger_hash.encode())


def _tables(rules: DecodedRules, known: Iterable[str]) -> Mapping[str, Any]:
    """The arguments of the compiled writer, for the fields that the codec can read."""
    contexts = _Contexts(rules, known)
    definitions = rules.formats.definitions
    types, entries = definitions.transaction_types, definitions.ledger_entry_types
    return {
        "transactions": contexts.by_code(types, "transaction", rules.transaction_rule),
        "entries": contexts.by_code(entries, "entry", rules.entry_rule),
        "whole_entries": contexts.by_code(entries, "whole entry", rules.whole_entry_rule),
        "metadata": contexts.metadata(),
        "contexts": contexts.rows,
        "delivering": {types[name] for name in DELIVERING if name in types},
    }


class _Contexts:
    """Numbers the objects and arrays that have rules, from 2 on: 0 is 'not allowed', 1 is plain."""

    def __init__(self, rules: DecodedRules, known: Iterable[str]) -> None:
        self.rows: list[Context] = [({}, ()), ({}, ())]
        self._rules = rules
        self._types = rules.formats.types
        self._known = frozenset(known)
        self._nested = {
            name for name in self._known if self._types.get(name) in ("STArray", "STObject")
        }
        self._numbers: dict[tuple[str, str], int] = {}

    def by_code(self, codes: Any, what: str, rule_of: Any) -> dict[int, int]:
        """The contexts of the types that have a rule, by their codes."""
        found = {}
        for name, code in codes.items():
            rule = rule_of(name)
            # A code of more than 16 bits, such as the -1 of "Invalid", is in no bytes of a ledger.
            if rule is not None and 0 <= code <= 0xFFFF:
                found[code] = self._of_rule((what, name), rule)
        return found

    def metadata(self) -> int:
        """The context of metadata, whose nodes show parts of entries."""
        kinds = {
            kind: self._add(
                {**dict.fromkeys(NODE_TYPES, _PLAIN), **dict.fromkeys(parts, _BY_ENTRY)},
                ("LedgerEntryType", "LedgerIndex"),
            )
            for kind, parts in NODE_OBJECTS.items()
        }
        nodes = self._add(kinds, ())
        return self._add(
            {**dict.fromkeys(METADATA_TYPES, _PLAIN), "AffectedNodes": nodes},
            ("TransactionIndex", "TransactionResult", "AffectedNodes"),
        )

    def _of_rule(self, key: tuple[str, str], rule: NameRule) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.rows)
            self.rows.append(({}, ()))  # its number is known before its fields: they may hold it
            names = dict.fromkeys(rule.names & self._known, _PLAIN)
            names |= {name: self._inside(name) for name in names.keys() & self._nested}
            self.rows[self._numbers[key]] = (names, self._required(rule))
        return self._numbers[key]

    def _required(self, rule: NameRule) -> tuple[str, ...] | None:
        can = rule.required <= self._known and len(rule.required) <= _MOST_REQUIRED
        return tuple(sorted(rule.required)) if can else None

    def _inside(self, name: str) -> int:
        """The context of a field that is an object or an array."""
        if self._types[name] == "STArray":
            return self._of_array(name)
        return self._of_rule(("inner", name), self._rules.inner_rule(name))

    def _of_array(self, name: str) -> int:
        key = ("array", name)
        if key not in self._numbers:
            self._numbers[key] = len(self.rows)
            self.rows.append(({}, ()))
            every = (kind for kind in self._known if self._types.get(kind) == "STObject")
            kinds = [kind for kind in ARRAY_ELEMENTS.get(name) or every if kind in self._known]
            inside = {
                kind: self._of_rule(("inner", kind), self._rules.inner_rule(kind)) for kind in kinds
            }
            self.rows[self._numbers[key]] = (inside, ())
        return self._numbers[key]

    def _add(self, names: dict[str, int], required: tuple[str, ...]) -> int:
        self.rows.append(({name: names[name] for name in names if name in self._known}, required))
        return len(self.rows) - 1
