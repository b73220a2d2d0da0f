"""PostgreSQL: the contract, kill -9 of either side, tables of another shape, bad rows."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ekspiper.core import (
    BatchError,
    CheckpointError,
    Collector,
    ConfigError,
    MissingExtra,
    PipelineError,
    Retryable,
    Secret,
)
from ekspiper.core.testing.collector_contract import CollectorContract
from ekspiper.sinks.postgres import Postgres
from ekspiper.sinks.postgres.columns import REST, field_of

HASHED = {"hash": "text", "ledger_index": "int8", "close_time_iso": "timestamptz", "meta": "jsonb"}


def stored(server: Any, table: str = "records", order: str = "ctid") -> list[dict[str, Any]]:
    """The records of a table, put together again."""
    with psycopg.connect(server.dsn) as connection:
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {order}".encode())
        names = [field_of(column.name) for column in cursor.description or ()]
        rows = cursor.fetchall()
    records = []
    for row in rows:
        record = dict(zip(names, row, strict=True))
        rest = record.pop(REST) or {}
        columns = {name: _plain(value) for name, value in record.items() if value is not None}
        records.append({**columns, **rest})
    return records


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    return value


def transaction(number: int, **more: Any) -> dict[str, Any]:
    return {
        "hash": f"{number:08X}",
        "ledger_index": number // 10,
        "TransactionType": "Payment",
        "close_time_iso": "2026-11-22T12:01:40Z",
        "meta": {"TransactionIndex": number % 10, "é": ["\\", "\n", "\t", None]},
        **more,
    }


def transactions(first: int, last: int, **more: Any) -> list[dict[str, Any]]:
    return [transaction(number, **more) for number in range(first, last)]


async def opened(server: Any, state: Any = None, **options: Any) -> Postgres:
    """A collector as in a run; without a state, as outside one, so that `close` commits."""
    collector = Postgres(server.dsn, **{"table": "records", **options})
    try:
        await collector.open()
        if state is not None:
            await collector.restore(state)
    except BaseException:
        await collector.close()
        raise
    return collector


class TestContract(CollectorContract):
    """Records without a key."""

    @pytest.fixture(autouse=True)
    def _server(self, server: Any) -> None:
        self.server = server

    async def make(self, tmp_path: Path) -> Collector[Any]:
        return Postgres(self.server.dsn, table="records")

    async def stored(self) -> Sequence[Any]:
        has_table = self.server.execute("SELECT to_regclass('records') IS NOT NULL")
        return stored(self.server) if has_table == [(True,)] else []

    def bad_record(self) -> Any:
        return {"Account": "r\0"}

    async def break_sink(self) -> None:
        await asyncio.to_thread(self.server.kill)

    async def mend_sink(self) -> None:
        await asyncio.to_thread(self.server.start)


class TestContractWithKey(TestContract):
    async def make(self, tmp_path: Path) -> Collector[Any]:
        return Postgres(self.server.dsn, table="records", key=["number"])

    def bad_record(self) -> Any:
        return {"Account": "r without a number"}

    def record(self, number: int) -> Any:
        return {"number": number, "text": "x" * 200}


async def test_a_record_comes_back_as_it_was(server: Any) -> None:
    collector = await opened(server)
    odd = transaction(2, ledger_index="7", ctid="C0", close_time_iso="then", data={"a": 1}, x=None)
    await collector.collect([transaction(1), odd])
    await collector.close()
    assert stored(server) == [transaction(1), odd]
    types = dict(
        server.execute(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute"
            " WHERE attrelid = 'records'::regclass AND attnum > 0"
        )
    )
    assert types == {
        "ledger_index": "bigint",
        "close_time_iso": "timestamp with time zone",
        "hash": "text",
        "ctid_": "text",
        "TransactionType": "text",
        "data": "jsonb",
    }


async def test_rows_that_are_there_are_passed_over(server: Any) -> None:
    for _ in range(2):
        collector = await opened(server)
        await collector.collect(transactions(0, 20))
        await collector.collect([*transactions(10, 30), transaction(5), transaction(29)])
        await collector.collect(transactions(30, 40))
        await collector.close()
    assert stored(server, order="hash") == transactions(0, 40)


async def test_rows_and_position_are_committed_together(server: Any) -> None:
    collector = await opened(server)
    await collector.collect(transactions(0, 5))
    assert server.execute("SELECT count(*) FROM records") == [(0,)]
    state = await collector.snapshot({"ledger": 7})
    assert server.execute("SELECT count(*) FROM records") == [(5,)]
    assert server.execute("SELECT sink, position FROM ekspiper_positions") == [
        ("records", {"ledger": 7})
    ]
    await collector.collect(transactions(5, 9))
    later = await collector.snapshot({"ledger": 8})
    assert later["commits"] == state["commits"] + 1
    assert await collector.snapshot({"ledger": 8}) == later, "nothing to commit"
    await collector.close()

    collector = Postgres(server.dsn, table="records")
    await collector.open()
    assert await collector.restore(state) == {"ledger": 8}, "beyond the checkpoint"
    await collector.close()


async def test_a_checkpoint_that_the_table_does_not_fit(server: Any) -> None:
    collector = await opened(server)
    await collector.collect(transactions(0, 5))
    state = await collector.snapshot(1)
    await collector.close()
    with pytest.raises(
        CheckpointError, match="says more than the table holds: records at postgres@"
    ):
        await opened(server, {**state, "commits": state["commits"] + 1})
    server.execute("UPDATE ekspiper_positions SET id = 'other'")
    with pytest.raises(CheckpointError, match="is of another table"):
        await opened(server, state)


async def test_bad_rows_fail_alone(server: Any) -> None:
    schema = {**HASHED, "day": "date"}
    collector = await opened(server, schema=schema)
    batch = transactions(0, 50, day="2026-11-22")
    for place in (0, 17, 18, 49):
        batch[place] = {**batch[place], "day": f"the {place}th"}
    batch[30] = {**batch[30], "memo": "\0"}
    with pytest.raises(BatchError) as caught:
        await collector.collect(batch)
    assert list(caught.value.failures) == [0, 17, 18, 30, 49]
    assert "refuses the record: invalid input syntax for type date" in str(
        caught.value.failures[17]
    )
    await collector.snapshot(1)
    await collector.close()
    assert server.execute("SELECT count(*) FROM records") == [(45,)]


async def test_a_huge_string_is_kept(server: Any) -> None:
    collector = await opened(server)
    huge = transaction(1, memo="x" * 20_000_000)
    await collector.collect([huge])
    await collector.close()
    assert stored(server) == [huge]


async def test_the_table_grows_with_the_schema(server: Any) -> None:
    collector = await opened(server, schema=HASHED)
    await collector.collect([transaction(1, Sequence=5)])
    await collector.close()
    collector = await opened(server, schema={**HASHED, "Sequence": "bigint"})
    await collector.collect([transaction(2, Sequence=6)])
    await collector.close()
    assert server.execute('SELECT "Sequence" FROM records ORDER BY hash') == [(None,), (6,)]
    assert stored(server, order="hash") == [transaction(1, Sequence=5), transaction(2, Sequence=6)]
    collector = await opened(server, schema=HASHED)
    await collector.collect([transaction(3, Sequence=7)])
    await collector.close()
    assert stored(server, order="hash")[-1] == transaction(3, Sequence=7)


@pytest.mark.parametrize(
    ("ddl", "options", "says"),
    [
        ("(hash text PRIMARY KEY)", {}, "no column data of type jsonb"),
        ("(hash text PRIMARY KEY, data text)", {}, "no column data of type jsonb"),
        (
            "(hash text PRIMARY KEY, ledger_index text, data jsonb)",
            {"schema": HASHED},
            "its column ledger_index has type text, not bigint",
        ),
        ("(hash text, data jsonb)", {"key": ["hash"]}, r"its primary key is \(\), not \(hash\)"),
    ],
)
async def test_a_table_of_another_shape(server: Any, ddl: str, options: Any, says: str) -> None:
    server.execute(f"CREATE TABLE records {ddl}")
    with pytest.raises(
        ConfigError, match=f"the table records has another shape: .*{says}"
    ) as caught:
        await opened(server, **options)
    assert "\n" not in str(caught.value)


async def test_a_table_made_from_the_schema_by_hand_will_do(server: Any) -> None:
    server.execute(
        "CREATE TABLE records (hash text PRIMARY KEY, ledger_index bigint NOT NULL,"
        " close_time_iso timestamptz, meta jsonb)"
    )
    collector = await opened(server, schema=HASHED)
    await collector.collect(transactions(0, 3))
    await collector.close()
    assert stored(server) == transactions(0, 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"schema": {"a": "txt"}}, "column a of the table records: no type is called 'txt'"),
        ({"schema": {"data": "text"}}, "cannot have the column data: the name data is taken"),
        ({"schema": {"x" * 64: "text"}}, "its name is too long"),
        ({"schema": {"a": "text"}, "key": ["b"]}, "the key of the table records has the column b"),
        ({"table": "nowhere.records", "schema": {"a": "text"}}, 'schema "nowhere" does not exist'),
    ],
)
async def test_what_cannot_be_made(server: Any, options: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        await opened(server, **options)


async def test_a_table_in_a_schema_with_odd_names(server: Any) -> None:
    server.execute('CREATE SCHEMA "my schema"')
    try:
        collector = await opened(server, table='my schema.my "table"')
        await collector.collect(transactions(0, 3))
        await collector.close()
        assert stored(server, '"my schema"."my ""table"""') == transactions(0, 3)
    finally:
        server.execute('DROP SCHEMA "my schema" CASCADE')


async def test_one_writer_at_a_time(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ekspiper.sinks.postgres.positions._LOCK_SECONDS", 0.1)
    first = await opened(server)
    with pytest.raises(
        ConfigError, match="the table records is being written by another collector"
    ):
        await opened(server)
    await first.close()
    await (await opened(server)).close()


@pytest.mark.parametrize("sinks", [4])
async def test_several_sinks_open_at_once(server: Any, sinks: int) -> None:
    made = await asyncio.gather(*(opened(server, table=f"t{each}") for each in range(sinks)))
    await asyncio.gather(*(each.collect(transactions(0, 5)) for each in made))
    await asyncio.gather(*(each.close() for each in made))
    assert [stored(server, f"t{each}") for each in range(sinks)] == [transactions(0, 5)] * sinks


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        (
            "postgresql://reader:wrong-secret@127.0.0.1:{port}/postgres",
            "cannot log in .* reader@127",
        ),
        (
            "postgresql://postgres:wrong-secret@127.0.0.1:{port}/nowhere",
            "does not exist; check user",
        ),
        ("postgresql://reader@127.0.0.1:{port}/postgres", "no password supplied"),
        ("host=127.0.0.1 port={port} password=wrong-secret user=nobody", 'role "nobody" does not'),
    ],
)
async def test_wrong_credentials(server: Any, dsn: str, says: str) -> None:
    collector = Postgres(Secret(dsn.format(port=server.port)), table="records")
    with pytest.raises(ConfigError, match=says) as caught:
        await collector.open()
    assert "wrong-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    await collector.close()


@pytest.mark.parametrize(
    "dsn", ["wrong-secret", "postgresql://a:wrong-secret@[", "passwort=wrong-secret host=a"]
)
def test_a_dsn_that_cannot_be_read(dsn: str) -> None:
    with pytest.raises(
        ConfigError, match=r"the dsn of PostgreSQL cannot be read; it looks"
    ) as caught:
        Postgres(Secret(dsn), table="records")
    assert "wrong-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_user_without_rights(server: Any) -> None:
    server.execute("GRANT USAGE ON SCHEMA public TO reader")
    dsn = f"postgresql://reader:not-to-be-shown@127.0.0.1:{server.port}/postgres"
    collector = Postgres(Secret(dsn), table="records")
    with pytest.raises(ConfigError, match=r"reader@.* permission denied for schema public"):
        await collector.open()


async def test_nobody_listens(server: Any) -> None:
    collector = Postgres("postgresql://a:wrong-secret@127.0.0.1:1/b", table="records")
    with pytest.raises(Retryable, match=r"cannot reach PostgreSQL at a@127.0.0.1:1/b: .*refused"):
        await collector.open()
    await collector.close()


def test_other_mistakes() -> None:
    for table in ("", ".", "a.", "\0"):
        with pytest.raises(ConfigError, match="is no name of a table"):
            Postgres("dbname=a", table=table)
    with pytest.raises(ConfigError, match="schema is a table of column = type, not list"):
        Postgres("dbname=a", table="t", schema=["a"])  # type: ignore[arg-type]


async def test_the_server_is_killed_at_any_moment(server: Any) -> None:
    """Even between COMMIT and its answer, nothing is lost and nothing doubled, without a key."""
    collector = await opened(server, key=[])
    number = 0
    for kills in range(4):
        for _ in range(3):
            await _insist(collector.collect, transactions(number, number + 7))
            number += 7
        task = asyncio.ensure_future(_insist(collector.snapshot, number))
        for _ in range(kills * 2):
            await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await task
    await collector.snapshot(number + 1)
    await collector.close()
    assert stored(server) == transactions(0, number)


async def _insist(call: Any, argument: Any) -> Any:
    while True:
        try:
            return await call(argument)
        except Retryable:
            await asyncio.sleep(0.01)


async def test_an_answer_to_commit_that_was_lost(server: Any) -> None:
    collector = await opened(server, key=[])
    await collector.collect(transactions(0, 5))
    connection = collector._connection
    real = connection.execute

    async def lost(statement: str, *arguments: Any) -> Any:
        result = await real(statement, *arguments)
        if statement == "COMMIT":
            raise psycopg.OperationalError("the connection is lost")
        return result

    connection.execute = lost
    with pytest.raises(Retryable, match="the connection is lost"):
        await collector.snapshot(1)
    await collector.collect(transactions(5, 8))
    await collector.snapshot(2)
    await collector.close()
    assert stored(server) == transactions(0, 8)


async def test_a_server_that_forgot_commits_stops_the_run(server: Any) -> None:
    collector = await opened(server)
    await collector.collect(transactions(0, 5))
    await collector.snapshot(1)
    server.execute("UPDATE ekspiper_positions SET commits = 0")
    await collector._disconnect()
    with pytest.raises(PipelineError, match="is not what it was before the connection was lost"):
        await collector.collect(transactions(5, 8))
    await collector.close()


async def test_what_is_kept_aside_may_be_large(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ekspiper.sinks.postgres.aside._IN_MEMORY", 1000)
    monkeypatch.setattr("ekspiper.sinks.postgres.aside._CHUNK", 777)
    collector = await opened(server, key=[])
    for first in range(0, 300, 50):
        await collector.collect(transactions(first, first + 50))
    await collector._disconnect()
    await collector.collect(transactions(300, 310))
    await collector.snapshot(1)
    await collector.close()
    assert stored(server) == transactions(0, 310)


KILLED = """
import asyncio, sys
from ekspiper.core import CommitPolicy, FileCheckpoint, Flow, Pipeline, Step, PassThrough
from ekspiper.core.iterable_source import IterableSource
from ekspiper.sinks.postgres import Postgres

async def main(dsn, folder, last, key):
    items = [{"n": n, "hash": f"{n:08d}", "ledger_index": n} for n in range(last)]
    sink = Postgres(dsn, table="records", key=key)
    flow = Flow("f", source=IterableSource(items), steps=(Step(PassThrough(), collectors=(sink,)),))
    await Pipeline(flow).run(
        checkpoint=FileCheckpoint(f"{folder}/checkpoint"), commit=CommitPolicy(items=100, seconds=0.01)
    )

print("started", flush=True)
asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), eval(sys.argv[4])))
"""


@pytest.mark.parametrize("key", [None, []])
def test_killed_at_any_moment_every_row_is_there_once(
    server: Any, tmp_path: Path, key: list[str] | None
) -> None:
    last, kills = 20_000, 0
    program = [sys.executable, "-c", KILLED, server.dsn, str(tmp_path), str(last), repr(key)]
    for delay in [0.3, 0.45, 0.6, 0.75]:
        with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
    assert subprocess.run(program, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    assert [record["n"] for record in stored(server, order="hash")] == list(range(last))
    assert kills > 0


def test_without_the_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[postgres\]'"):
        Postgres("dbname=a", table="t")
