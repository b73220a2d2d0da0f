"""Schemas compiled from the definitions: per transaction type, per ledger entry type, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from ekspiper.xrpl.codec import Definitions, FormatField

from .field_types import field_of_type
from .inner_objects import ARRAY_ELEMENTS, INNER_FORMATS, NODE_OBJECTS
from .schema import Field, Schema

__all__ = ["METADATA_TYPES", "NODE_TYPES", "Formats", "Nodes"]

# As the definitions of rippled number it: 0 required, 1 optional, 2 default.
_REQUIRED = 0
_COMMON = "common"
# How many of the names below are always there, from the first on.
_METADATA_REQUIRED = 3
_NODE_REQUIRED = 2

# Of an MPTokenIssuance: the id by which amounts and other entries name it.
_MPT_ID = (field_of_type("mpt_issuance_id", "Hash192"),)

METADATA_TYPES: Mapping[str, str] = {
    "TransactionIndex": "UInt32",
    "TransactionResult": "UInt8",
    "AffectedNodes": "STArray",
    "DeliveredAmount": "Amount",
    "ParentBatchID": "Hash256",
}
"""The fields of metadata. The definitions have no format of it; the first three are required."""

NODE_TYPES: Mapping[str, str] = {
    "LedgerEntryType": "UInt16",
    "LedgerIndex": "Hash256",
    "PreviousTxnID": "Hash256",
    "PreviousTxnLgrSeq": "UInt32",
}
"""The fields of an affected node beside the parts it shows; the first two are required."""

Nodes = Literal["json", "struct"]
"""How metadata shows ledger entries (`NewFields`, `FinalFields`, `PreviousFields`).

`json`: as one JSON value each. `struct`: as a struct of the fields of all ledger entry types, which
makes about 1,400 columns more.
"""


@dataclass(frozen=True)
class Formats:
    """What the definitions say of records, as schemas.

    Args:
        definitions: a node's, or the bundled ones. The bundled formats stand in where a node's
            definitions have none: older servers answer `server_definitions` without formats.
    """

    definitions: Definitions = field(default_factory=Definitions.bundled)

    @cached_property
    def types(self) -> Mapping[str, str]:
        """The type of every field."""
        return {name: one.type for name, one in self.definitions.fields.items()}

    # Older nodes give no formats; the types that they know have those of the installed xrpl-py.
    @cached_property
    def transactions(self) -> Mapping[str, Mapping[str, int]]:
        """Fields of each transaction type, common ones included: 0 required, else optional."""
        formats = self.definitions.transaction_formats
        return self._formats(
            formats or Definitions.bundled().transaction_formats,
            self.definitions.transaction_types,
        )

    @cached_property
    def ledger_entries(self) -> Mapping[str, Mapping[str, int]]:
        """Fields of each ledger entry type, common ones included: 0 required, else optional."""
        formats = self.definitions.ledger_entry_formats
        return self._formats(
            formats or Definitions.bundled().ledger_entry_formats,
            self.definitions.ledger_entry_types,
        )

    def _formats(
        self, formats: Mapping[str, Iterable[FormatField]], known: Mapping[str, int]
    ) -> dict[str, Mapping[str, int]]:
        # Common fields first, so that all tables begin with the same columns.
        common = self._optionality(formats.get(_COMMON, ()))
        return {
            name: {**common, **self._optionality(fields)}
            # Sorted, as servers list them in any order: the columns of a table must not change
            # places.
            for name, fields in sorted(formats.items())
            if name != _COMMON and name in known
        }

    def _optionality(self, fields: Iterable[FormatField]) -> dict[str, int]:
        # A format may name a field that these definitions lack, where formats and fields are of two
        # sources.
        return {one.name: one.optionality for one in fields if one.name in self.types}

    def field_named(
        self, name: str, *, required: bool = False, within: tuple[str, ...] = ()
    ) -> Field:
        """The field `name`, with everything below it.

        Args:
            name: a field that the definitions know.
            required: whether every record has it.
            within: the objects around it; an object inside itself becomes `json`.
        """
        type_ = self.types[name]
        if type_ == "STArray":
            elements = ARRAY_ELEMENTS.get(name, ())
            return self._object(name, type_, elements, required, within, repeated=True)
        if type_ == "STObject":
            members = tuple(INNER_FORMATS.get(name, ()))
            return self._object(name, type_, members, required, within)
        return field_of_type(name, type_, required=required)

    def _object(
        self,
        name: str,
        type_: str,
        members: Iterable[str],
        required: bool,
        within: tuple[str, ...],
        *,
        repeated: bool = False,
    ) -> Field:
        known = [member for member in members if member in self.types]
        if not known or name in within:  # a batch holds transactions: no table has them as columns
            return Field(name, type_, "json", required, repeated)
        inner = (*within, name)
        # An element has one of several members, so none of them is required.
        needed = {} if repeated else INNER_FORMATS.get(name, {})
        fields = tuple(
            self.field_named(member, required=needed.get(member) == _REQUIRED, within=inner)
            for member in known
        )
        return Field(name, type_, "struct", required, repeated, fields)

    def _fields(self, optionality: Mapping[str, int]) -> tuple[Field, ...]:
        return tuple(
            self.field_named(name, required=value == _REQUIRED)
            for name, value in optionality.items()
        )

    def transaction(self, name: str, *, nodes: Nodes = "json") -> Schema:
        """The schema of a transaction type, as a record holds it, metadata included.

        Args:
            nodes: how metadata shows ledger entries, see `Nodes`.

        Raises:
            KeyError: the definitions have no format of that name.
        """
        fields = self._fields(self.transactions[name])
        return Schema(name, (*fields, *self.record_fields(nodes)), f"{name} transactions")

    def ledger_entry(self, name: str) -> Schema:
        """The schema of a ledger entry type, as a record holds it.

        Raises:
            KeyError: the definitions have no format of that name.
        """
        fields = self._fields(self.ledger_entries[name])
        made = _MPT_ID if name == "MPTokenIssuance" else ()
        return Schema(name, (*fields, *made, *_place("index")), f"{name} ledger entries")

    def transactions_table(self, *, nodes: Nodes = "json") -> Schema:
        """The union of all transaction types, metadata included: the table `transactions`.

        Args:
            nodes: how metadata shows ledger entries, see `Nodes`.
        """
        fields = self._union(self.transactions.values())
        return Schema("transactions", (*fields, *self.record_fields(nodes)), "All transactions")

    def objects_table(self) -> Schema:
        """The union of all ledger entry types: the table `objects`."""
        fields = self._union(self.ledger_entries.values())
        return Schema("objects", (*fields, *_MPT_ID, *_place("index")), "All ledger entries")

    def _union(self, formats: Iterable[Mapping[str, int]]) -> tuple[Field, ...]:
        """Every field of any format; required where each format requires it."""
        formats = tuple(formats)
        names = dict.fromkeys(name for one in formats for name in one)
        return self._fields(
            # 0 is required, and a format without the field makes it optional.
            {name: max((one.get(name, 1) for one in formats), default=1) for name in names}
        )

    def metadata(self, nodes: Nodes = "json") -> Field:
        """The metadata of a transaction: what it did to which ledger entries."""
        kinds = tuple(self._node(kind, parts, nodes) for kind, parts in NODE_OBJECTS.items())
        fields = []
        for at, (name, type_) in enumerate(METADATA_TYPES.items()):
            if name == "AffectedNodes":
                fields.append(Field(name, type_, "struct", True, True, kinds))
            else:
                fields.append(field_of_type(name, type_, required=at < _METADATA_REQUIRED))
        return Field("meta", "Metadata", "struct", True, fields=tuple(fields))

    def _node(self, kind: str, parts: tuple[str, ...], nodes: Nodes) -> Field:
        """One kind of affected node; a part shows whichever fields changed, so none is required."""
        fields = tuple(
            field_of_type(name, type_, required=at < _NODE_REQUIRED)
            for at, (name, type_) in enumerate(NODE_TYPES.items())
        )
        if nodes == "json":
            shown = tuple(Field(part, "STObject", "json") for part in parts)
        else:
            # Metadata shows the fields that changed, so each of them may be missing.
            optional = tuple(replace(one, required=False) for one in self._entry_union)
            shown = tuple(Field(part, "STObject", "struct", fields=optional) for part in parts)
        return Field(kind, "STObject", "struct", fields=(*fields, *shown))

    @cached_property
    def _entry_union(self) -> tuple[Field, ...]:
        skip = {"LedgerEntryType", "LedgerIndex"}  # the node itself has them
        return tuple(
            one for one in self._union(self.ledger_entries.values()) if one.name not in skip
        )

    def record_fields(self, nodes: Nodes = "json") -> tuple[Field, ...]:
        """What the pipeline adds to a transaction's own fields."""
        return (
            self.metadata(nodes),
            *_place("hash"),
            Field("close_time_iso", "Timestamp", "timestamp", True),
            Field("ctid", "Text", "text"),
            field_of_type("delivered_amount", "Amount"),
        )

    def ledgers_table(self) -> Schema:
        """The table `ledgers`."""
        text = ("ledger_hash", "parent_hash", "transaction_hash", "account_hash")
        whole = ("close_time", "parent_close_time", "close_time_resolution", "close_flags")
        return Schema(
            "ledgers",
            (
                field_of_type("ledger_index", "UInt32", required=True),
                *(field_of_type(name, "Hash256", required=True) for name in text),
                # Text, as all XRP in drops are more than a double holds exactly.
                field_of_type("total_coins", "Text", required=True),
                *(field_of_type(name, "UInt32", required=True) for name in whole),
                Field("close_time_iso", "Timestamp", "timestamp", True),
                field_of_type("transaction_count", "UInt32", required=True),
                # Not required: ledgers that are only hashed have none.
                field_of_type("signed_by", "UInt32"),
            ),
            "Ledger headers",
        )

    def book_offers_table(self) -> Schema:
        """The table `book_offers`: one side of one book, after one ledger."""
        offer = (
            # All optional: what a server answers is not the object itself.
            *self._fields(dict.fromkeys(self.ledger_entries.get("Offer", {}), 1)),
            field_of_type("index", "Hash256", required=True),
            field_of_type("owner_funds", "Text"),
            field_of_type("quality", "Text"),
            field_of_type("taker_gets_funded", "Amount"),
            field_of_type("taker_pays_funded", "Amount"),
        )
        return Schema(
            "book_offers",
            (
                field_of_type("ledger_index", "UInt32", required=True),
                field_of_type("ledger_hash", "Hash256", required=True),
                Field("close_time_iso", "Timestamp", "timestamp", True),
                field_of_type("taker_gets", "Issue", required=True),
                field_of_type("taker_pays", "Issue", required=True),
                field_of_type("domain", "Hash256"),
                Field("offers", "Offer", "struct", True, True, offer),
                Field("truncated", "Boolean", "boolean", True),
            ),
            "Offers in the order books that a ledger touched",
        )

    def amms_table(self) -> Schema:
        """The table `amms`: one pool, after a ledger that touched it."""
        account = field_of_type("account", "AccountID", required=True)
        fee = field_of_type("trading_fee", "UInt16")
        slot = (
            account,
            Field("auth_accounts", "Account", "struct", repeated=True, fields=(account,)),
            field_of_type("discounted_fee", "UInt32"),
            # As `amm_info` gives it: text, where other times are numbers.
            field_of_type("expiration", "Text"),
            field_of_type("price", "Amount"),
            field_of_type("time_interval", "UInt32"),
        )
        vote = (account, fee, field_of_type("vote_weight", "UInt32"))
        return Schema(
            "amms",
            (
                field_of_type("ledger_index", "UInt32", required=True),
                field_of_type("ledger_hash", "Hash256", required=True),
                Field("close_time_iso", "Timestamp", "timestamp", True),
                account,
                replace(field_of_type("balances", "Amount", required=True), repeated=True),
                field_of_type("source", "Text", required=True),
                Field("deleted", "Boolean", "boolean"),
                *(field_of_type(name, "Amount") for name in ("amount", "amount2", "lp_token")),
                fee,
                *(Field(name, "Boolean", "boolean") for name in ("asset_frozen", "asset2_frozen")),
                Field("auction_slot", "AuctionSlot", "struct", fields=slot),
                Field("vote_slots", "VoteSlot", "struct", repeated=True, fields=vote),
            ),
            "Pools (AMMs) that a ledger touched",
        )


def _place(key: str) -> tuple[Field, ...]:
    """Where a record comes from: its key, its ledger, and what of it did not fit."""
    return (
        field_of_type(key, "Hash256", required=True),
        field_of_type("ledger_index", "UInt32", required=True),
        field_of_type("ledger_hash", "Hash256", required=True),
        Field("_unrecognized", "Json", "json"),
    )
