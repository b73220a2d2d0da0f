"""The configuration of Fluent Bit takes every kind of record: what no output matches is dropped."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from ekspiper.xrpl.config import RECORDS

CONF = Path(__file__).resolve().parents[2] / "docs" / "fluent-bit.conf"
MATCHES = re.findall(r"^ +(match|match_regex) +(\S+)$", CONF.read_text(), re.MULTILINE)


@pytest.mark.parametrize("records", RECORDS)
def test_every_kind_of_record_has_an_output(records: str) -> None:
    tag = f"mainnet.{records}"
    found = [
        re.search(pattern, tag) is not None if kind == "match_regex" else fnmatchcase(tag, pattern)
        for kind, pattern in MATCHES
    ]
    assert found.count(True) == 1
