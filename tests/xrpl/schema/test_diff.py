"""What differs between definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ekspiper.xrpl.codec import Definitions, FormatField
from ekspiper.xrpl.schema import diff

BUNDLED = Definitions.bundled()


def test_the_same_definitions_do_not_differ() -> None:
    assert diff(BUNDLED, BUNDLED) == []


def test_what_came_what_went_and_what_changed() -> None:
    fields = dict(BUNDLED.fields)
    fields["Flags"] = replace(fields["Flags"], type="UInt64")
    del fields["Sponsor"]
    formats = dict(BUNDLED.transaction_formats)
    formats["CheckCash"] = (FormatField("CheckID", 1), *formats["CheckCash"][1:])
    newer = replace(
        BUNDLED,
        fields=fields,
        transaction_types={**BUNDLED.transaction_types, "Novelty": 99},
        transaction_formats=formats,
    )
    assert [str(one) for one in diff(BUNDLED, newer)] == [
        "+ transaction type Novelty: 99",
        "~ field Flags: UInt32 2 -> UInt64 2",
        "- field Sponsor: AccountID 27 with length",
        "~ transaction format CheckCash.CheckID: required -> optional",
    ]


def test_a_name_in_dispute_is_one_line() -> None:
    text = {"ImmutableFlags": "MutableFlags"}
    fields = {text.get(n, n): replace(f, name=text.get(n, n)) for n, f in BUNDLED.fields.items()}
    node = replace(BUNDLED, fields=fields, fields_by_code={f.code: f for f in fields.values()})
    assert [str(one) for one in diff(BUNDLED, node)] == [
        "~ field UInt32 53: ImmutableFlags -> MutableFlags"
    ]


def test_a_recorded_server_is_older(recorded_lines: Callable[[str], Any]) -> None:
    answers = recorded_lines("misc.jsonl.gz")
    result = next(
        line["response"]["result"]
        for line in answers
        if line["request"]["command"] == "server_definitions"
    )
    found = diff(Definitions.from_server(result), BUNDLED)
    assert "+ transaction type VaultCreate: 65" in map(str, found)
    # It gives no formats, so that nothing can be said of them.
    assert not any("format" in one.kind for one in found)
