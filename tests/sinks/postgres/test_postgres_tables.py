"""Tables: made, grown, of another shape, of another origin; and what a restart makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from ekspiper.core import CheckpointError, ConfigError
from ekspiper.sinks.postgres import Postgres, read_records


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [{"hash": f"{number:04}"} for number in range(first, last)]


def stored(database: Any, table: str = "records") -> list[Any]:
    return list(read_records(database.dsn, table))


def types(database: Any, table: str = "records") -> dict[str, str]:
    return dict(
        database.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            f"WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
        )
    )


async def keep(database: Any, records: list[Any], position: Any = 1, **options: Any) -> Any:
    """One run: what is kept, and the state of its last snapshot."""
    collector = Postgres(database.dsn, **{"table": "records", **options})
    await collector.open()
    try:
        await collector.restore(None)
        await collector.collect(records)
        return await collector.snapshot(position)
    finally:
        await collector.close()


async def restored(database: Any, state: Any, **options: Any) -> tuple[Postgres, Any]:
    collector = Postgres(database.dsn, table="records", **options)
    await collector.open()
    return collector, await collector.restore(state)


async def test_a_table_without_a_schema(database: Any) -> None:
    odd = {"ledger_index": "7", "close_time_iso": "then", "_rest": 1, "_row": 2, "x": None}
    plain = {"ledger_index": 7, "hash": "A\\N\t\n\r", "close_time_iso": "2026-11-22T12:01:40Z"}
    nested = {"meta": {"é": ["\\", "\n", None, 1.5, True, {}]}, "list": [], "empty": ""}
    await keep(database, [odd, plain, nested])
    assert stored(database) == [odd, plain, nested]
    assert types(database) == {
        "ledger_index": "bigint",
        "hash": "text",
        "close_time_iso": "timestamp with time zone",
        "_rest": "jsonb",
        "_row": "bigint",
    }
    [(rest,)] = database.execute("SELECT _rest FROM records WHERE _row = 2")
    assert rest is None


async def test_columns_of_every_type(database: Any) -> None:
    schema = {
        "t": "text", "v": "varchar(3)", "s": "smallint", "i": "int", "b": "int8", "B": "boolean",
        "d": "double precision", "r": "real", "n": "numeric", "p": "numeric(5, 2)", "h": "bytea",
        "z": "timestamptz", "j": "jsonb", "k": "json", "u": "uuid", "ctid_": "text", 'a" b%s': "text",
    }  # fmt: skip
    fits = {
        "t": "x", "v": "abc", "s": -32768, "i": 2**31 - 1, "b": -(2**63), "B": False, "d": 1e-300,
        "r": 0.5, "n": "100000000000000000.5", "p": "1.50", "h": "00FF", "z": "0999-01-01T00:00:00Z",
        "j": [1, {"a": None}], "k": {"b": 1}, "u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "ctid": "C0", 'a" b%s': "%s",
    }  # fmt: skip
    other = {
        "t": 1, "v": 1, "s": 32768, "i": True, "b": 2**63, "B": 0, "d": 1, "r": 0.1, "n": "1.50",
        "h": "ff", "z": "2026-02-30T00:00:00Z", "j": None, "ctid": 5, "ctid_": 6,
    }  # fmt: skip
    await keep(database, [fits, other], schema=schema)
    assert stored(database) == [fits, other]
    [(both, none)] = database.execute(
        "SELECT (SELECT _rest FROM records WHERE _row = 1), "
        "(SELECT _rest - 'ctid_' FROM records WHERE _row = 2)"
    )
    assert both == {"p": "1.50", "u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}
    assert none == {key: value for key, value in other.items() if key != "ctid_"}


async def test_a_table_grows_with_its_schema(database: Any) -> None:
    first = [{"hash": "A", "Fee": "10", "MiXed": 1}]
    await keep(database, first, schema={"hash": "text"})
    second = [{"hash": "B", "Fee": "10", "MiXed": 1}]
    await keep(database, second, 2, schema={"hash": "text", "Fee": "text", "MiXed": "int"})
    # an older version of the program, with fewer columns, goes on as well
    await keep(database, second, 3, schema={"hash": "text", "Fee": "text"})
    assert stored(database) == first + second + second
    assert list(types(database)) == ["hash", "_rest", "_row", "Fee", "MiXed"]
    [(fee,)] = database.execute('SELECT "Fee" FROM records WHERE _row = 2')
    assert fee == "10"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            "TABLE records (hash int)",
            "has another shape: column 'hash' is integer and should be text",
        ),
        ("TABLE records (_rest text)", "column '_rest' is text and should be jsonb"),
        ("TABLE records (other int NOT NULL)", "column 'other' needs a value and is not in the"),
        ("TABLE records (hash text GENERATED ALWAYS AS ('a') STORED)", "'hash' is generated"),
        ("VIEW records AS SELECT 1", r"public\.records is not a table"),
    ],
)
async def test_another_shape_is_refused(database: Any, made: str, says: str) -> None:
    database.execute(f"CREATE {made}")
    with pytest.raises(ConfigError, match=says):
        await keep(database, rows(0, 1))
    assert "ekspiper_positions" not in {
        name for (name,) in database.execute("SELECT tablename FROM pg_tables")
    }


async def test_a_table_made_by_others(database: Any) -> None:
    """Empty it is taken; with rows only where a key says which records they are."""
    database.execute("CREATE TABLE records (hash varchar(4) PRIMARY KEY, own int DEFAULT 7)")
    schema = {"hash": "varchar(4)"}
    await keep(database, rows(0, 3), schema=schema)
    assert stored(database) == [{**row, "own": 7} for row in rows(0, 3)]
    database.execute("DELETE FROM ekspiper_positions")
    with pytest.raises(ConfigError, match="has rows that ekspiper did not write"):
        await keep(database, rows(0, 5), schema=schema)
    await keep(database, rows(0, 5), schema=schema, key=["hash"])
    assert len(stored(database)) == 5
    indexes = database.execute("SELECT FROM pg_indexes WHERE tablename = 'records'")
    assert len(indexes) == 2, "the primary key serves, and no other unique index was made"


async def test_rows_with_the_same_key_are_refused(database: Any) -> None:
    await keep(database, rows(0, 3) + rows(0, 1))
    with pytest.raises(ConfigError, match=r"rows with the same hash: Key \(hash\)=\(0000\)"):
        await keep(database, rows(0, 1), key=["hash"])


async def test_a_source_of_another_name_is_refused(database: Any) -> None:
    await keep(database, rows(0, 3), source="mainnet")
    with pytest.raises(ConfigError, match="holds records of 'mainnet', not of 'testnet'"):
        await keep(database, rows(0, 3), source="testnet")
    await keep(database, rows(3, 4), 2, source="mainnet")


async def test_a_source_that_was_not_named_is_the_first_that_is(database: Any) -> None:
    await keep(database, rows(0, 3))
    await keep(database, rows(3, 4), 2, source="mainnet")
    with pytest.raises(ConfigError, match="holds records of 'mainnet', not of 'testnet'"):
        await keep(database, rows(4, 5), 3, source="testnet")


async def test_a_run_without_its_checkpoint_is_told_where_the_table_goes_on(
    database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    state = await keep(database, rows(0, 3), 7)
    assert not caplog.records
    collector, position = await restored(database, state)
    await collector.close()
    assert (position, caplog.records) == (7, [])
    collector, position = await restored(database, None)
    await collector.close()
    assert position == 7
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert "the table records continues from position 7" in warning.getMessage()


async def test_schemas_and_names(database: Any) -> None:
    database.execute('CREATE SCHEMA "my schema"')
    for table in ('my schema.my "table" %s', "MiXed", "a'; DROP TABLE x; --"):
        await keep(database, rows(0, 3), table=table)
        assert stored(database, table) == rows(0, 3)
    with pytest.raises(
        ConfigError, match="the schema 'nowhere' of the table t does not exist: CREATE SCHEMA"
    ):
        await keep(database, rows(0, 3), table="nowhere.t")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"table": ""}, "cannot be called"),
        ({"table": "a."}, "cannot be called"),
        ({"table": "\0"}, "cannot be called"),
        ({"table": "x" * 64}, "1 to 63 bytes"),
        ({"schema": ["a"]}, "it is not a list"),
        (
            {"schema": {"a": "int; DROP TABLE x"}},
            "'int; DROP TABLE x', which is not a type of PostgreSQL",
        ),
        ({"schema": {"_row": "int"}}, "this sink makes the column"),
        ({"schema": {"a": "int"}, "key": ["b"]}, "the schema has no column for the key 'b'"),
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"buffer_bytes": -1}, "must not be negative"),
    ],
)
def test_mistakes(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Postgres("dbname=a", **{"table": "t", **options})


async def test_a_type_that_the_server_does_not_know(database: Any) -> None:
    with pytest.raises(
        ConfigError, match="'a' has the type 'flaot', which the server does not know"
    ):
        await keep(database, [], schema={"a": "flaot"})


async def test_restore_tells_the_position_that_was_committed(database: Any) -> None:
    state = await keep(database, rows(0, 3), 10)
    await keep(database, rows(3, 6), {"ledger": [20, "a"]})
    collector, position = await restored(database, state)
    await collector.close()
    assert position == {"ledger": [20, "a"]}
    assert stored(database) == rows(0, 6)


async def test_rows_that_a_snapshot_added_behind_the_position_are_taken_back(database: Any) -> None:
    """A skipped item keeps the position where it is, and dead letters that are fed back do."""
    state = await keep(database, rows(0, 3), 10)
    collector, _ = await restored(database, state)
    await collector.collect(rows(4, 6))
    later = await collector.snapshot(10)
    await collector.collect(rows(6, 9))
    await collector.snapshot(None)
    await collector.close()
    assert len(stored(database)) == 8
    collector, position = await restored(database, later)
    await collector.close()
    assert (position, len(stored(database))) == (10, 5)
    collector, position = await restored(database, state)
    await collector.close()
    assert (position, stored(database)) == (10, rows(0, 3))


async def test_a_position_before_what_is_held_does_not_turn_it_back(database: Any) -> None:
    """The table was ahead of the checkpoint, and an item behind the checkpoint is skipped."""
    state = await keep(database, rows(0, 3), 10)
    await keep(database, rows(3, 6), 20)
    collector, position = await restored(database, state)
    assert position == 20
    await collector.collect(rows(7, 9))
    await collector.snapshot(10)
    await collector.close()
    collector, position = await restored(database, state)
    await collector.close()
    assert (position, stored(database)) == (20, rows(0, 6))


async def test_dead_letters_are_never_taken_back(database: Any) -> None:
    """They have no position: what was collected before `close` stays, with a snapshot or not."""
    for first in (0, 3):
        collector, position = await restored(database, None, buffer_bytes=0)
        await collector.collect(rows(first, first + 1))
        await collector.collect(rows(first + 1, first + 3))
        if first:
            await collector.snapshot(None)
        await collector.close()
        assert position is None
    assert stored(database) == rows(0, 6)


async def test_a_table_that_was_dropped_begins_anew(database: Any) -> None:
    state = await keep(database, rows(0, 3), 10)
    database.execute("DROP TABLE records")
    collector = Postgres(database.dsn, table="records")
    await collector.open()
    with pytest.raises(CheckpointError, match="the checkpoint belongs to another table"):
        await collector.restore(state)
    await collector.close()
    collector, position = await restored(database, None)
    await collector.close()
    assert position is None


async def test_a_table_that_was_emptied_begins_anew_without_a_checkpoint(database: Any) -> None:
    """With one, its rows may have been moved elsewhere on purpose."""
    state = await keep(database, rows(0, 3), 10)
    database.execute("TRUNCATE records")
    collector, position = await restored(database, state)
    await collector.close()
    assert position == 10
    collector, position = await restored(database, None)
    await collector.close()
    assert position is None


async def test_early_rows_without_a_position_go(database: Any) -> None:
    collector, _ = await restored(database, None, buffer_bytes=0)
    await collector.collect(rows(0, 3))
    await collector.snapshot(10)
    for number in range(3, 9):
        await collector.collect(rows(number, number + 1))
    assert stored(database) == rows(0, 8), "seen before the snapshot"
    await collector.close()
    collector, position = await restored(database, None)
    await collector.close()
    assert (position, stored(database)) == (10, rows(0, 3))
