"""How the collector is made: from a configuration, and without its library."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from ekspiper.core import MissingExtra, registry
from ekspiper.sinks.postgres import Postgres, read_records
from ekspiper.xrpl.config import CollectorTable


async def test_from_a_configuration(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_DSN", database.dsn)
    options = {
        "type": "postgres",
        "records": "transactions",
        "dsn": {"env": "THE_DSN"},
        "table": "{records}",
        "key": ["hash"],
        "source": "{network}",
    }
    table = CollectorTable.parse(("collectors", "postgres"), options)
    assert not list(table.check())
    collector: Any = table.make(records="transactions", network="sample")
    assert isinstance(collector, Postgres)
    record = {"hash": "A", "ledger_index": 7, "ctid": "C0", "meta": {"a": 1}}
    async with collector:
        await collector.restore(None)
        await collector.collect([record])
        await collector.snapshot(7)
    assert list(read_records(database.dsn, "transactions")) == [record]
    assert database.execute(
        'SELECT "TransactionType", ctid_, source FROM transactions, ekspiper_positions'
    ) == [(None, "C0", "sample")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"dsn": "not a dsn"}, "dsn is not a connection string of PostgreSQL"),
        ({"buffer_byte": 3}, "unknown key"),
        ({"records": "ledgers"}, "the schema has no column for the key 'hash'"),
        ({"timeout": "soon"}, "number"),
    ],
)
def test_mistakes_in_a_configuration(wrong: dict[str, Any], says: str) -> None:
    options = {"type": "postgres", "records": "transactions", "dsn": "", "table": "{records}"}
    table = CollectorTable.parse(("a",), {**options, "key": ["hash"], **wrong})
    [mistake] = table.check()
    assert says in str(mistake)


def test_without_the_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("ekspiper.sinks.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[postgres\]'"):
        registry.load("collectors", "postgres")
