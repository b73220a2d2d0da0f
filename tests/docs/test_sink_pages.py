"""Every block of the pages about sinks is run: Python by `test_code_blocks`, the others here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.s3_server import SECRET, serving
from ekspiper.core import registry
from ekspiper.xrpl.config import CollectorTable
from tests.command import ekspiper

from .code_blocks import Block, code_blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "sinks.md", DOCS / "delivery.md"]
COMMANDS = DOCS / "guides" / "beyond-one-machine.md"
"""Its commands need clusters: tests/xrpl/cluster has some of its own, and runs them there."""


def blocks(language: str) -> Iterator[Block]:
    for page in PAGES:
        yield from (block for block in code_blocks(page) if block.language == language)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_is_of_another_kind(page: Path) -> None:
    for block in code_blocks(page):
        assert block.language in ("python", "sql", "toml"), f"line {block.line} is run by no test"


def test_options_of_commands_exist() -> None:
    for block in code_blocks(COMMANDS):
        if block.language != "console":
            continue
        for command, options in re.findall(r"^\$ ekspiper (\w+) (.*)$", block.text, re.MULTILINE):
            known = ekspiper(command, "--help").out
            for option in re.findall(r"--[\w-]+", options):
                assert option in known, option


def test_sql_runs(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    folder = tmp_path / "lake" / "transactions"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"TransactionType": ["Payment", "Payment"]}), folder / "a.parquet")
    for block in blocks("sql"):
        rows = duckdb.sql(block.text.replace("/data/", f"{tmp_path}/")).fetchall()
        assert rows == [("Payment", 2)]


@pytest.fixture
def metrics_of_this_test() -> Iterator[None]:
    """The metric of the page's own is gone afterwards: other tests look at all there is."""
    prometheus = pytest.importorskip("prometheus_client")
    yield
    # Those of the presets stay: they are made once for each registry, and shared.
    for each, names in tuple(prometheus.REGISTRY._collector_to_names.items()):
        if any(name.startswith("transactions_by_currency") for name in names):
            prometheus.REGISTRY.unregister(each)


@pytest.mark.usefixtures("metrics_of_this_test")
def test_collectors_of_configurations_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all their options, which are checked as the daemon does."""
    monkeypatch.setenv("WAREHOUSE_DSN", "postgresql://127.0.0.1:9/warehouse")
    monkeypatch.setenv("PUSHGATEWAY_URL", "http://127.0.0.1:9")
    made = []
    for block in blocks("toml"):
        for name, table in tomllib.loads(block.text).get("collectors", {}).items():
            parsed = CollectorTable.parse(("collectors", name), table)
            assert not [str(each) for each in parsed.check()], block.line
            made.append(parsed.type)
    assert {"jsonl", "parquet", "postgres", "metric", "iceberg", "delta"} <= set(made)


def test_tables_of_configurations_get_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon runs with those that need no other program, in folders of this test."""
    config = []
    for block in blocks("toml"):
        types = re.findall(r'^type = "(\w+)"', block.text, re.MULTILINE)
        if set(types) & {"iceberg", "delta"} or "s3://BUCKET/lake" in block.text:
            config.append(block.text.replace("[collectors.lake]", "[collectors.bucket]"))
    text = "\n".join(config).replace("/data/", f"{tmp_path}/").replace("s3://BUCKET", "s3://lake")
    (tmp_path / "ekspiper.toml").write_text(text)
    with serving(tmp_path / "s3") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        run = ["--config", tmp_path / "ekspiper.toml", "--state", tmp_path / "state"]
        done = ekspiper("daemon", "-n", "sample", "--until", 423, *run)
        assert done.code == 0, done.err
        assert SECRET not in done.out + done.err
        counts = {
            kind: len(list(registry.load("collectors", kind).read_records(*place[:1], **place[1])))
            for kind, place in {
                "parquet": ("s3://lake/lake/ledgers", {}),
                "delta": (f"{tmp_path}/delta/ledgers", {}),
                "iceberg": ("sample.ledgers", {"warehouse": f"{tmp_path}/iceberg"}),
            }.items()
        }
    assert counts == dict.fromkeys(counts, 3)
