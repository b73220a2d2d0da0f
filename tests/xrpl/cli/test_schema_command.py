"""`ekspiper schema`: what its commands print, of the sample and of a node that knows more."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from .conftest import Cli

FORMATS = ("bigquery", "json-schema", "postgres")


def bundled() -> dict[str, Any]:
    spec = importlib.util.find_spec("xrpl.core.binarycodec.definitions")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).with_name("definitions.json").read_text()
    content: dict[str, Any] = json.loads(text)
    return content


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[str]:
    """The URL of a node that knows a transaction type and a field that we do not."""
    definitions = bundled()
    definitions["TRANSACTION_TYPES"]["Novelty"] = 999
    traits = {"isVLEncoded": False, "isSerialized": True, "isSigningField": True}
    definitions["FIELDS"].append(["Novel", {"nth": 199, "type": "UInt32", **traits}])
    definitions["TRANSACTION_FORMATS"]["Novelty"] = [{"name": "Novel", "optionality": 0}]
    with node_with(definitions, tmp_path) as url:
        yield url


@pytest.fixture
def older(tmp_path: Path) -> Iterator[str]:
    """The URL of a node that knows one transaction type less, and gives no formats."""
    definitions = bundled()
    del definitions["TRANSACTION_TYPES"]["VaultCreate"]
    for name in ("TRANSACTION_FORMATS", "LEDGER_ENTRY_FORMATS"):
        del definitions[name]
    with node_with(definitions, tmp_path) as url:
        yield url


@contextmanager
def node_with(definitions: dict[str, Any], tmp_path: Path) -> Iterator[str]:
    """A node of the sample with other definitions."""
    folder = tmp_path / "recording"
    folder.mkdir()
    with as_file(files("ekspiper.xrpl.replay") / "sample") as sample:
        (folder / "ledgers.jsonl.gz").write_bytes(
            (sample / "ledger_v2_binary.jsonl.gz").read_bytes()
        )
        lines = gzip.decompress((sample / "server.jsonl.gz").read_bytes()).splitlines()
    answers = [json.loads(line) for line in lines]
    for answer in answers:
        if answer["request"]["command"] == "server_definitions":
            answer["response"]["result"] = {**definitions, "hash": "AB" * 32}
    text = "\n".join(map(json.dumps, answers))
    (folder / "server.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    command = [sys.executable, "-m", "ekspiper.xrpl.replay", str(folder), "{}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        yield json.loads(node.stdout.readline())["url"]
        node.stdin.close()  # it ends then


@pytest.mark.parametrize("format", FORMATS)
def test_exports_as_text_go_to_standard_output_or_a_file(
    format: str, cli: Cli, tmp_path: Path
) -> None:
    printed = cli("schema", "export", "Payment", "--format", format).out
    assert "Destination" in printed
    cli("schema", "export", "Payment", "--format", format, "--out", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").read_text() == printed


def test_the_arrow_export_is_what_arrow_reads(cli: Cli, tmp_path: Path) -> None:
    cli("schema", "export", "--format", "arrow", "--out", tmp_path / "schema.arrow")
    with pa.ipc.open_stream((tmp_path / "schema.arrow").read_bytes()) as stream:
        assert stream.schema.field("close_time_iso").type == pa.timestamp("s", tz="UTC")
        assert "Destination" in stream.schema.names


def test_the_arrow_export_is_not_thrown_at_a_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    done = cli("schema", "export", "--format", "arrow")
    assert (done.code, done.out) == (2, "")
    assert done.errors == ["arrow is binary: give --out FILE; `ekspiper schema show` is for people"]


def test_schemas_of_a_network_have_what_its_nodes_know(cli: Cli, newer: str) -> None:
    assert cli("schema", "show", "Novelty").code == 2
    shown = cli("schema", "show", "Novelty", "--network", newer).out
    assert "Novel               UInt32     required" in shown
    table = cli("schema", "export", "--format", "postgres", "--network", newer).out
    assert '    "Novel" bigint,' in table
    assert "Novelty" in cli("schema", "show", "--network", newer).out.split()


def test_diff_names_what_a_newer_node_adds(cli: Cli, newer: str) -> None:
    assert cli("schema", "diff", "--network", newer).out.splitlines() == [
        "+ transaction type Novelty: 999",
        "+ field Novel: UInt32 199",
        "+ transaction format Novelty.Novel: required",
        "3 differences (- only bundled, + only at the node, ~ changed).",
    ]


def test_diff_says_that_an_old_node_gives_no_formats(cli: Cli, older: str) -> None:
    lines = cli("schema", "diff", "--network", older).out.splitlines()
    assert "- transaction type VaultCreate: 65" in lines
    assert "difference" in lines[-2]
    assert lines[-1] == "Formats were not compared: the node is too old to give any."


def test_diff_gives_up_when_it_is_told_to(cli: Cli) -> None:
    done = cli("schema", "diff", "--network", "ws://127.0.0.1:1", "--connect-timeout", "0.1")
    assert done.code == 1
    assert "no node answered within 0.1 s" in done.errors[0]


def test_collect_counts_attributes_and_cuts_nothing_off(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = cli("schema", "collect", "478:498").out.splitlines()
    assert lines[0].split() == ["object", "attribute", "type", "count", "example", "ledger"]
    rows = [line for line in lines if line.startswith("Payment ") and " Amount " in line]
    assert {" ".join(row.split()[2:4]) for row in rows} == {
        "XRP amount",
        "issued amount",
        "MPT amount",
    }
    assert not any("…" in line for line in lines)
