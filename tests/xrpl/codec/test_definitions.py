"""Definitions: the bundled ones, a server's, and broken ones."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.codec import (
    CodecError,
    Decoder,
    Definitions,
    DefinitionsError,
    Encoder,
    definitions,
)


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


def disputed(content: dict[str, Any]) -> dict[str, Any]:
    """What a node says that has other names: a field, a transaction type, a result, a type."""
    names = {"ImmutableFlags": "MutableFlags", "Payment": "Transfer", "tesSUCCESS": "tesDONE"}
    text = json.dumps({**content, "hash": "node"})
    for ours, theirs in names.items():
        text = text.replace(f'"{ours}"', f'"{theirs}"')
    return dict(json.loads(text.replace('"Number"', '"STNumber"')))


def test_a_nodes_names_are_used_for_its_network(definitions_json: dict[str, Any]) -> None:
    ours = Definitions.from_server(definitions_json)
    both = ours.extended_by(Definitions.from_server(disputed(definitions_json)))
    assert both.fields_by_code[2 << 16 | 53].name == "MutableFlags"
    assert "ImmutableFlags" not in both.fields
    assert (both.transaction_types["Transfer"], "Payment" in both.transaction_types) == (0, False)
    assert (both.transaction_results["tesDONE"], "tesSUCCESS" in both.transaction_results) == (
        0,
        False,
    )
    names = {row.name for row in both.transaction_formats["MPTokenIssuanceCreate"]}
    assert "MutableFlags" in names
    # The decoder knows by the name of a type how it is read, and nobody sees that name.
    assert both.fields["AssetsTotal"].type == "Number"
    assert "STNumber" not in both.types


def test_json_and_binary_use_the_nodes_names(definitions_json: dict[str, Any]) -> None:
    node = Definitions.from_server(disputed(definitions_json))
    both = Definitions.from_server(definitions_json).extended_by(node)
    blob = Encoder(both).encode({"TransactionType": "MPTokenIssuanceCreate", "MutableFlags": 7})
    assert Decoder(both).transaction(blob)["MutableFlags"] == 7
    assert Decoder().transaction(blob)["ImmutableFlags"] == 7
    with pytest.raises(CodecError, match="ImmutableFlags"):
        Encoder(both).encode({"ImmutableFlags": 7})


def test_what_is_in_dispute_is_listed(definitions_json: dict[str, Any]) -> None:
    ours = Definitions.from_server(definitions_json)
    node = Definitions.from_server(disputed(definitions_json))
    assert sorted(str(each) for each in ours.conflicts_with(node)) == [
        "field Number 1: Number -> STNumber",
        "field UInt32 53: ImmutableFlags -> MutableFlags",
        "transaction result 0: tesSUCCESS -> tesDONE",
        "transaction type 0: Payment -> Transfer",
    ]
    assert ours.conflicts_with(ours) == []
    assert ours.extended_by(node).conflicts_with(node) == []


def test_a_field_with_another_code_has_the_nodes(definitions_json: dict[str, Any]) -> None:
    text = json.dumps(definitions_json["FIELDS"]).replace('"nth": 53', '"nth": 253')
    node = Definitions.from_server({**definitions_json, "FIELDS": json.loads(text)})
    both = Definitions.from_server(definitions_json).extended_by(node)
    assert both.fields["ImmutableFlags"].nth == 253
    assert 2 << 16 | 53 not in both.fields_by_code


def test_xrpl_py_without_formats_is_too_old(
    definitions_json: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "core" / "binarycodec" / "definitions"
    folder.mkdir(parents=True)
    old = {name: value for name, value in definitions_json.items() if "FORMATS" not in name}
    (folder / "definitions.json").write_text(json.dumps(old))
    spec = ModuleSpec("xrpl", None)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(definitions, "find_spec", lambda name: spec)
    with pytest.raises(ConfigError, match=r"pip install --upgrade 'xrpl-py>=5\.1'"):
        definitions._bundled.__wrapped__()


def test_the_packages_need_the_version_that_the_message_names() -> None:
    project = Path(__file__).parents[3] / "packages" / "ekspiper-xrpl" / "pyproject.toml"
    needed = tomllib.loads(project.read_text())["project"]["dependencies"]
    assert f"xrpl-py>={definitions._OLDEST}" in needed


def test_other_processes_get_them_whole_and_compile_them_once() -> None:
    bundled = Definitions.bundled()
    packed = pickle.dumps(bundled)
    there = pickle.loads(packed)
    assert there.to_json() == bundled.to_json()
    assert pickle.loads(packed) is there
