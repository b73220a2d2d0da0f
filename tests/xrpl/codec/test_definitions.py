"""Definitions: the bundled ones, a server's, and broken ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.codec import Definitions, DefinitionsError


def test_bundled_are_those_of_xrpl_py(definitions_json: dict[str, Any]) -> None:
    definitions = Definitions.bundled()
    assert definitions.hash == definitions_json["hash"]
    assert definitions.transaction_types == definitions_json["TRANSACTION_TYPES"]
    assert definitions.ledger_entry_types == definitions_json["LEDGER_ENTRY_TYPES"]
    assert definitions.transaction_results == definitions_json["TRANSACTION_RESULTS"]
    assert definitions.fields.keys() == {name for name, _ in definitions_json["FIELDS"]}
    assert definitions is Definitions.bundled()


def test_fields_by_code() -> None:
    definitions = Definitions.bundled()
    fee = definitions.fields["Fee"]
    assert (fee.type, fee.nth, fee.is_variable_length) == ("Amount", 8, False)
    assert definitions.fields_by_code[fee.code] is fee
    assert all(field.is_serialized for field in definitions.fields_by_code.values())


def test_formats_and_flags() -> None:
    definitions = Definitions.bundled()
    formats = {field.name: field for field in definitions.transaction_formats["OfferCreate"]}
    assert formats["TakerPays"].is_required
    assert not formats["Expiration"].is_required
    assert definitions.ledger_entry_formats.keys() >= {"AccountRoot", "Offer"}
    assert definitions.transaction_flags["AMMClawback"]["tfClawTwoAssets"] == 1
    assert definitions.ledger_entry_flags["AccountRoot"]["lsfPasswordSpent"] == 65536
    assert definitions.account_set_flags["asfAccountTxnID"] == 5


def test_they_are_read_without_importing_xrpl() -> None:
    code = (
        "import sys\n"
        "from ekspiper.xrpl.codec import Definitions\n"
        "Definitions.bundled()\n"
        "sys.exit('xrpl' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_server_without_formats(definitions_json: dict[str, Any]) -> None:
    old = {
        key: value
        for key, value in definitions_json.items()
        if not key.endswith(("FORMATS", "FLAGS"))
    }
    definitions = Definitions.from_server(old)
    assert definitions.hash == definitions_json["hash"]
    assert not definitions.transaction_formats


def test_they_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Definitions.bundled().types["UInt8"] = 3  # type: ignore[index]


@pytest.mark.parametrize("key", ["TYPES", "FIELDS", "TRANSACTION_TYPES", "TRANSACTION_RESULTS"])
def test_something_is_missing(definitions_json: dict[str, Any], key: str) -> None:
    broken = {name: value for name, value in definitions_json.items() if name != key}
    with pytest.raises(
        DefinitionsError, match=f"server_definitions are broken: '{key}' is missing"
    ):
        Definitions.from_server(broken)


@pytest.mark.parametrize("broken", [{"FIELDS": [["Fee"]]}, {"FIELDS": 3}, {"TYPES": {"Blob": "x"}}])
def test_something_is_not_what_it_should_be(
    definitions_json: dict[str, Any], broken: dict[str, Any]
) -> None:
    with pytest.raises(DefinitionsError, match="are broken"):
        Definitions.from_server({**definitions_json, **broken})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        Definitions.from_file(tmp_path / "nowhere.json")
    (tmp_path / "half.json").write_text('{"TYPES": {')
    with pytest.raises(ConfigError, match=r"half\.json cannot be read"):
        Definitions.from_file(tmp_path / "half.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"list\.json are broken"):
        Definitions.from_file(tmp_path / "list.json")


def without(content: dict[str, Any], *, field: str, transaction: str) -> dict[str, Any]:
    """The same definitions as an older server would give them."""
    return {
        **content,
        "hash": "older",
        "FIELDS": [row for row in content["FIELDS"] if row[0] != field],
        "TRANSACTION_TYPES": {
            name: code for name, code in content["TRANSACTION_TYPES"].items() if name != transaction
        },
        "TRANSACTION_FORMATS": {
            name: [row for row in rows if row["name"] != field]
            for name, rows in content["TRANSACTION_FORMATS"].items()
            if name != transaction
        },
    }


def test_older_definitions_are_extended_by_newer_ones(definitions_json: dict[str, Any]) -> None:
    older = Definitions.from_server(
        without(definitions_json, field="AssetScale", transaction="AMMBid")
    )
    newer = Definitions.from_server(definitions_json)
    extended = older.extended_by(newer)
    assert extended.transaction_types == newer.transaction_types
    assert extended.fields_by_code == newer.fields_by_code
    added = {row.name: row for row in extended.transaction_formats["MPTokenIssuanceCreate"]}
    assert not added["AssetScale"].is_required
    assert extended.transaction_formats["AMMBid"] == newer.transaction_formats["AMMBid"]


def test_newer_definitions_are_not_changed_by_older_ones(definitions_json: dict[str, Any]) -> None:
    older = without(definitions_json, field="AssetScale", transaction="AMMBid")
    newer = Definitions.from_server(definitions_json)
    assert newer.extended_by(Definitions.from_server(older)) is newer


def test_a_node_cannot_change_what_is_known(definitions_json: dict[str, Any]) -> None:
    types = {**definitions_json["TRANSACTION_TYPES"], "Payment": 4711, "Alias": 0}
    theirs = Definitions.from_server({**definitions_json, "TRANSACTION_TYPES": types})
    ours = Definitions.from_server(definitions_json)
    assert ours.extended_by(theirs).transaction_types["Payment"] == 0
    assert "Alias" not in ours.extended_by(theirs).transaction_types
