"""Schemas say what the definitions say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.schema import ARRAY_ELEMENTS, INNER_FORMATS, Formats

BUNDLED = Definitions.bundled()


def test_every_transaction_type_has_a_schema_of_its_format() -> None:
    formats = Formats()
    names = set(BUNDLED.transaction_formats) - {"common"}
    assert formats.transactions.keys() == names
    common = {field.name for field in BUNDLED.transaction_formats["common"]}
    for name in names:
        schema = formats.transaction(name)
        own = {field.name for field in BUNDLED.transaction_formats[name]}
        added = {"meta", "hash", "ledger_index", "ledger_hash", "_unrecognized"}
        added |= {"close_time_iso", "ctid", "delivered_amount"}
        assert set(schema.names) == common | own | added
        for field in BUNDLED.transaction_formats[name]:
            assert schema[field.name].required == field.is_required
            assert schema[field.name].type == BUNDLED.fields[field.name].type


def test_every_ledger_entry_type_has_a_schema_of_its_format() -> None:
    formats = Formats()
    names = set(BUNDLED.ledger_entry_formats) - {"common"}
    assert formats.ledger_entries.keys() == names
    for name in names:
        schema = formats.ledger_entry(name)
        assert {field.name for field in BUNDLED.ledger_entry_formats[name]} <= set(schema.names)
        assert "index" in schema


def test_the_union_has_every_field_once_and_requires_what_all_require() -> None:
    table = Formats().transactions_table()
    assert len(set(table.names)) == len(table.names)
    for fields in BUNDLED.transaction_formats.values():
        assert {field.name for field in fields} <= set(table.names)
    required = {field.name for field in table.fields if field.required}
    assert required == {
        "TransactionType",
        "Account",
        "Sequence",
        "Fee",
        "SigningPubKey",
        "meta",
        "hash",
        "ledger_index",
        "ledger_hash",
        "close_time_iso",
    }


def test_amounts_have_one_shape() -> None:
    amount = Formats().transaction("Payment")["Amount"]
    assert amount.kind == "struct"
    shown = [(one.name, one.required) for one in amount.fields]
    assert shown[:3] == [("currency", True), ("issuer", True), ("value", True)]
    assert shown[3:] == [("mpt_issuance_id", False)]


def test_paths_hold_no_list_in_a_list() -> None:
    for path, field in Formats().transactions_table(nodes="struct").walk():
        if field.repeated:
            assert field.kind in ("struct", "text", "json"), path


def test_metadata_shows_entries_as_json_or_as_structs() -> None:
    narrow, wide = (dict(Formats().metadata(nodes).walk()) for nodes in ("json", "struct"))
    final = "meta.AffectedNodes.ModifiedNode.FinalFields"
    assert narrow[final].kind == "json"
    assert wide[final].kind == "struct"
    assert wide[f"{final}.Balance"].type == "Amount"
    assert "meta.AffectedNodes.CreatedNode.NewFields.TakerGets" in wide


def test_formats_of_older_servers_are_the_bundled_ones() -> None:
    fields = {name: one for name, one in BUNDLED.fields.items() if name != "Sponsor"}
    types = {n: c for n, c in BUNDLED.transaction_types.items() if n != "VaultCreate"}
    older = replace(
        BUNDLED,
        fields=fields,
        transaction_types=types,
        transaction_formats={},
        ledger_entry_formats={},
    )
    formats = Formats(older)
    assert "VaultCreate" not in formats.transactions
    assert "Sponsor" not in formats.transaction("Payment")
    assert "Destination" in formats.transaction("Payment")


def test_what_is_written_down_of_inner_objects_is_known_to_the_definitions() -> None:
    for name, fields in INNER_FORMATS.items():
        assert BUNDLED.fields[name].type == "STObject"
        assert fields.keys() <= BUNDLED.fields.keys(), name
    for name, elements in ARRAY_ELEMENTS.items():
        assert BUNDLED.fields[name].type == "STArray"
        assert all(BUNDLED.fields[element].type == "STObject" for element in elements)


def test_every_array_in_a_format_has_known_elements() -> None:
    """A new array in the definitions is a line missing in `inner_objects`."""
    formats = (*BUNDLED.transaction_formats.values(), *BUNDLED.ledger_entry_formats.values())
    names = {field.name for fields in formats for field in fields}
    arrays = {name for name in names if BUNDLED.fields[name].type == "STArray"}
    objects = {name for name in names if BUNDLED.fields[name].type == "STObject"}
    assert arrays <= ARRAY_ELEMENTS.keys()
    assert objects <= INNER_FORMATS.keys()


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Formats().transaction("Nothing")
    with pytest.raises(KeyError):
        Formats().ledgers_table()["nothing"]
