"""The configuration of Fluent Bit takes what ours sends: what no output matches is dropped there."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from ekspiper.xrpl.config import RECORDS

from .code_blocks import code_blocks

ROOT = Path(__file__).resolve().parents[2]
CONF = (ROOT / "docs" / "fluent-bit.conf").read_text()
PAGES = ("README.md", "docs/fluent.md", "docs/guides/operate-the-daemon.md")
NETWORKS = ("mainnet", "testnet", "devnet", "custom", "sample", "my-net_1.b")

Section = tuple[str, dict[str, str]]


def sections() -> list[Section]:
    """The sections of the file, in order: name and properties."""
    found: list[Section] = []
    for line in CONF.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            found.append((header[1], {}))
        elif line.strip() and not line.lstrip().startswith("#"):
            key, value = line.split(maxsplit=1)
            found[-1][1][key] = value
    return found


OUTPUTS = [properties for name, properties in sections() if name == "OUTPUT"]


def matches(output: dict[str, str], tag: str) -> bool:
    """Whether Fluent Bit gives records of this tag to the output."""
    if "match_regex" in output:
        return re.search(output["match_regex"], tag) is not None
    return fnmatchcase(tag, output["match"])


def tags_of(page: str) -> list[str]:
    """The `tag` of every Fluent collector that the page configures."""
    tables = [
        table
        for block in code_blocks(ROOT / page)
        if "[collectors." in block.text and block.language == "toml"
        for table in tomllib.loads(block.text)["collectors"].values()
    ]
    return [table["tag"] for table in tables if table["type"] == "fluent"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("records", RECORDS)
@pytest.mark.parametrize("network", NETWORKS)
def test_what_our_configurations_send_has_one_output(page: str, records: str, network: str) -> None:
    (tag,) = {each.format(network=network, records=records) for each in tags_of(page)}
    *outputs, rest = OUTPUTS
    assert sum(matches(output, tag) for output in outputs) == 1
    assert not matches(rest, tag)


@pytest.mark.parametrize("tag", ["transactions", "mainnet.objects", "app.log", "a.ledgers.b", ""])
def test_the_last_output_shows_what_no_other_takes(tag: str) -> None:
    *outputs, rest = OUTPUTS
    assert not any(matches(output, tag) for output in outputs)
    assert matches(rest, tag)
    assert rest["name"] == "stdout"


def test_nothing_acknowledged_is_given_up() -> None:
    named = dict(sections()[:2])
    assert named["INPUT"]["storage.type"] == "filesystem"
    for output in OUTPUTS[:-1]:
        assert output["retry_limit"] == "no_limits"
        assert "storage.total_limit_size" not in output
        assert output["name"] != "file"  # it ignores a full disk
