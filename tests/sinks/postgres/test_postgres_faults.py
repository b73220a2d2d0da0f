"""The server is lost, frozen, full, locked or changed: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ekspiper.core import BatchError, CheckpointError, ConfigError, Retryable, Secret
from ekspiper.sinks.postgres import Postgres, read_records
from ekspiper.sinks.postgres._server_errors import is_refusal
from ekspiper.sinks.postgres._session import Session
from ekspiper.sinks.postgres._target import Target


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [{"hash": f"{number:04}", "text": "x" * 50} for number in range(first, last)]


def stored(database: Any, table: str = "records") -> list[Any]:
    return list(read_records(database.dsn, table))


async def opened(database: Any, state: Any = None, **options: Any) -> Postgres:
    collector = Postgres(database.dsn, **{"table": "records", **options})
    try:
        await collector.open()
        await collector.restore(state)
    except BaseException:
        await collector.close()
        raise
    return collector


@pytest.mark.parametrize("dsn", ["host=127.0.0.1 port=1", "host={folder} port=1"])
async def test_a_server_that_is_not_there(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(Retryable) as caught:
        await Postgres(dsn.format(folder=tmp_path), table="records").open()
    assert str(caught.value).endswith(("Connection refused", "No such file or directory"))


@pytest.mark.parametrize("is_early", [False, True])
async def test_an_answer_to_a_commit_is_lost(
    database: Any, monkeypatch: pytest.MonkeyPatch, is_early: bool
) -> None:
    collector = await opened(database, buffer_bytes=0 if is_early else 1000_000)
    await collector.collect(rows(0, 5))
    commit = Session.commit

    async def lost(session: Session) -> None:
        await commit(session)
        monkeypatch.undo()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(Session, "commit", lost)
    with pytest.raises(Retryable, match="the connection is lost"):
        await (collector.collect(rows(5, 9)) if is_early else collector.snapshot(1))
    # A snapshot may come next where a batch was cancelled.
    if not is_early:
        await collector.collect(rows(5, 9))
    state = await collector.snapshot(2)
    await collector.close()
    assert stored(database) == rows(0, 5 if is_early else 9)
    assert state["position"] == 2
    assert database.execute("SELECT position FROM ekspiper_positions") == [(2,)]


async def test_rows_of_a_lost_transaction_are_sent_again(database: Any) -> None:
    collector = await opened(database)
    await collector.snapshot(None)
    for first in range(0, 40, 10):
        await collector.collect(rows(first, first + 10))
        await asyncio.to_thread(database.throw_out)
        with pytest.raises(Retryable, match=r"table records at .*: .*(terminat|closed)"):
            await collector.collect(rows(first + 10, first + 20))
    await collector.snapshot(7)
    await collector.close()
    assert stored(database) == rows(0, 40)


async def test_a_server_that_does_not_answer_is_given_up(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ekspiper.sinks.postgres._session._GRACE", 0.2)
    collector = await opened(database, timeout=0.1, lock_timeout=0.0)
    await collector.collect(rows(0, 5))
    [(process,)] = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'ekspiper records'"
    )
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(Retryable, match=r"the server did not answer within 0\.1 s"):
            await collector.snapshot(1)
        with pytest.raises(Retryable, match=rf"being written by server process {process}"):
            await collector.snapshot(1)
    finally:
        os.kill(process, signal.SIGCONT)
    await insist(collector, 1)
    await collector.close()
    assert stored(database) == rows(0, 5)


async def test_a_server_process_that_outlives_its_connection_is_ended(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a line that was cut: it would hold the lock until it notices."""
    collector = await opened(database, lock_timeout=1.0)
    await collector.collect(rows(0, 5))
    left: list[Session] = []

    async def vanish(session: Session) -> None:
        left.append(session)

    async def fail(session: Session, statement: str, chunks: Any) -> None:
        raise psycopg.OperationalError("the line is cut")

    with monkeypatch.context() as cut:
        cut.setattr(Session, "close", vanish)
        cut.setattr(Session, "copy", fail)
        with pytest.raises(Retryable, match="the line is cut"):
            await collector.collect(rows(5, 9))
    await collector.collect(rows(5, 9))
    await collector.snapshot(1)
    await collector.close()
    for session in left:
        await session.close()
    assert stored(database) == rows(0, 9)


async def insist(collector: Postgres, position: Any) -> Any:
    for _ in range(100):
        try:
            return await collector.snapshot(position)
        except Retryable:
            await asyncio.sleep(0.05)
    raise AssertionError("it stays broken")


async def test_a_statement_that_takes_too_long(database: Any) -> None:
    collector = await opened(database, timeout=0.2)
    await collector.collect(rows(0, 5))
    await collector.snapshot(1)
    with psycopg.connect(database.dsn) as other:
        other.execute("LOCK TABLE records IN SHARE MODE")
        for _ in range(2):
            with pytest.raises(Retryable, match="canceling statement due to statement timeout"):
                await collector.collect(rows(5, 9))
    await collector.collect(rows(5, 9))
    await collector.snapshot(2)
    await collector.close()
    assert stored(database) == rows(0, 9)


@pytest.mark.parametrize(
    "condition",
    ["disk_full", "deadlock_detected", "serialization_failure", "out_of_memory", "io_error"],
)
async def test_what_passes_is_waited_for(database: Any, condition: str) -> None:
    """The server tells by its SQLSTATE; here a trigger says what it would."""
    collector = await opened(database)
    await collector.collect(rows(0, 5))
    database.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE 'no space left' USING ERRCODE = '{condition}'; END $$"
    )
    await collector.snapshot(1)
    database.execute("CREATE TRIGGER t BEFORE INSERT ON records EXECUTE FUNCTION fail()")
    for _ in range(2):
        with pytest.raises(Retryable, match=r"records at .*: no space left"):
            await collector.collect(rows(5, 9))
    database.execute("DROP TRIGGER t ON records")
    await collector.collect(rows(5, 9))
    await collector.snapshot(2)
    await collector.close()
    assert stored(database) == rows(0, 9)


@pytest.fixture
def small_disk(database: Any) -> Iterator[Path]:
    """A file system of 2 MB with a tablespace for the table; `mount` may make it larger."""
    folder = database.cluster.folder / f"small-{database.name}"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        shutil.chown(folder, "postgres")
        database.execute(f"CREATE TABLESPACE {database.name} LOCATION '{folder}'")
        database.execute(f"CREATE TABLE records () TABLESPACE {database.name}")
        yield folder
        database.execute("DROP TABLE records")
        database.execute(f"DROP TABLESPACE {database.name}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_loses_nothing(database: Any, small_disk: Path) -> None:
    collector = await opened(database)
    kept = 0
    while kept < 50_000:
        try:
            await collector.collect(rows(kept, kept + 1_000))
        except Retryable as error:
            assert "No space left on device" in str(error)  # noqa: PT017  # some batch, not which
            break
        kept += 1_000
    assert 1_000 < kept < 50_000
    larger = ["mount", "-o", "remount,size=64m", str(small_disk)]
    await asyncio.to_thread(subprocess.run, larger, check=True)
    await collector.collect(rows(kept, kept + 1_000))
    await collector.snapshot(1)
    await collector.close()
    assert stored(database) == rows(0, kept + 1_000)


async def test_a_table_that_is_changed_meanwhile_costs_no_record(database: Any) -> None:
    collector = await opened(database)
    await collector.collect(rows(0, 5))
    await collector.snapshot(1)
    database.execute("ALTER TABLE records RENAME TO elsewhere")
    with pytest.raises(Retryable, match=r'relation "public\.records" does not exist'):
        await collector.collect(rows(5, 9))
    database.execute("ALTER TABLE elsewhere RENAME TO records")
    await collector.collect(rows(5, 9))
    await collector.snapshot(2)
    await collector.close()
    assert stored(database) == rows(0, 9)


async def test_another_writer_meanwhile_is_noticed(database: Any) -> None:
    collector = await opened(database)
    await collector.collect(rows(0, 5))
    await asyncio.to_thread(database.throw_out)
    other = await opened(database)
    await other.collect(rows(100, 101))
    await other.snapshot(1)
    await other.close()
    with pytest.raises(Retryable):
        await collector.snapshot(1)
    with pytest.raises(CheckpointError, match=r"public\.records has changed since it was left"):
        await collector.snapshot(1)
    with pytest.raises(CheckpointError, match=r"start again from the checkpoint"):
        await collector.collect(rows(5, 6))
    await collector.close()
    assert stored(database) == rows(100, 101)


async def test_one_writer_at_a_time(database: Any) -> None:
    first = await opened(database)
    with pytest.raises(
        ConfigError,
        match=r"public\.records is being written by server process \d+ \(ekspiper records, since "
        r".*\); stop that one",
    ):
        await opened(database, lock_timeout=0.1)
    waiting = asyncio.ensure_future(opened(database, lock_timeout=10.0))
    await first.close()
    await (await waiting).close()


async def test_many_open_at_once(database: Any) -> None:
    tables = [f"t{each}" for each in range(4)]
    made = await asyncio.gather(*(opened(database, table=table) for table in tables))
    await asyncio.gather(*(each.collect(rows(0, 5)) for each in made))
    await asyncio.gather(*(each.snapshot(1) for each in made))
    await asyncio.gather(*(each.close() for each in made))
    assert [stored(database, table) for table in tables] == [rows(0, 5)] * 4


@pytest.mark.parametrize(
    ("user", "password", "name", "says"),
    [
        ("reader", "wrong-secret", None, 'password authentication failed for user "reader"'),
        ("reader", "", None, "no password supplied"),
        ("nobody", "wrong-secret", None, 'role "nobody" does not exist'),
        ("postgres", "wrong-secret", "nowhere", 'database "nowhere" does not exist'),
        ("reader", "not-to-be-shown", None, "permission denied for schema public"),
    ],
)
async def test_the_server_refuses(
    database: Any, user: str, password: str, name: str | None, says: str
) -> None:
    dsn = database.over_tcp(user, password)
    dsn = dsn.replace(database.name, name) if name else dsn
    with pytest.raises(ConfigError, match=f"the table records at 127.0.0.1:.*: .*{says}") as caught:
        await Postgres(Secret(dsn), table="records").open()
    assert not password or password not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_nobody_listens() -> None:
    collector = Postgres("postgresql://a:wrong-secret@127.0.0.1:1/b", table="records")
    with pytest.raises(Retryable, match=r"records at 127\.0\.0\.1:1/b: .*refused"):
        await collector.open()
    await collector.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("failed to resolve host 'a': [Errno -2] Name or service not known", True),
        ("failed to resolve host 'a': [Errno -3] Temporary failure in name resolution", False),
        ("SSL error: certificate verify failed", True),
        ("server does not support SSL, but SSL was required", True),
        ("SSL connection has been closed unexpectedly", False),
        ("FATAL:  the database system is starting up", False),
        ("FATAL:  sorry, too many clients already", False),
    ],
)
def test_which_errors_of_connecting_stay(text: str, expected: bool) -> None:
    assert is_refusal(psycopg.OperationalError(text)) is expected


def test_a_password_that_the_server_repeats_is_hidden() -> None:
    target = Target(Secret("postgresql://a:wrong-secret@host/b"))
    assert target.redacted("no wrong-secret here") == "no *** here"
    assert "wrong-secret" not in str(target)
    assert str(target) == "host/b"


@pytest.mark.parametrize(
    "dsn",
    [
        "wrong-secret",
        "postgresql://a:wrong-secret@[",
        "passwort=wrong-secret host=a",
        "postgresql://a:wrong@secret@host/b",
        "postgresql://a:wrong/secret@host/b",
        "postgresql://a:wrong%secret@host/b",
    ],
)
def test_a_dsn_that_cannot_be_read_is_not_repeated(dsn: str) -> None:
    with pytest.raises(ConfigError, match="dsn") as caught:
        Postgres(Secret(dsn), table="records")
    assert "wrong" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


async def test_bad_rows_fail_alone_wherever_they_stand(database: Any) -> None:
    """A rule that only the server knows: which rows break it is found by halving."""
    database.execute("CREATE DOMAIN even AS bigint CHECK (value % 2 = 0)")
    collector = await opened(database, schema={"n": "even"})
    batch: list[dict[str, Any]] = [{"n": number, "list": [number]} for number in range(200)]
    for place in (0, 7, 8, 150, 199):
        batch[place]["n"] = place * 2 + 1
    good = [record for record in batch if record["n"] % 2 == 0]
    with pytest.raises(BatchError) as caught:
        await collector.collect(batch)
    bad = [place for place, record in enumerate(batch) if record["n"] % 2]
    assert sorted(caught.value.failures) == bad
    assert "does not take the record" in str(caught.value.failures[7])
    await asyncio.to_thread(database.throw_out)
    with pytest.raises(Retryable):
        await collector.snapshot(1)
    await collector.snapshot(1)
    await collector.close()
    assert stored(database) == good


async def test_a_deferred_rule_is_checked_row_by_row(database: Any) -> None:
    database.execute("CREATE TABLE known (n bigint PRIMARY KEY)")
    database.execute("INSERT INTO known VALUES (1), (3)")
    database.execute(
        "CREATE TABLE records (n bigint REFERENCES known DEFERRABLE INITIALLY DEFERRED)"
    )
    collector = await opened(database, schema={"n": "bigint"})
    with pytest.raises(BatchError) as caught:
        await collector.collect([{"n": 1}, {"n": 2}, {"n": 3}])
    assert list(caught.value.failures) == [1]
    await collector.snapshot(1)
    await collector.close()
    assert stored(database) == [{"n": 1}, {"n": 3}]


async def test_a_huge_text_is_kept(database: Any) -> None:
    huge = [{"hash": "A" * 20_000_000}, {"rest": "\\" * 5_000_000}]
    collector = await opened(database)
    await collector.collect(huge)
    await collector.snapshot(1)
    await collector.close()
    assert stored(database) == huge


async def test_a_key_that_is_too_large_fails_alone(database: Any) -> None:
    collector = await opened(database, key=["hash"])
    noise = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(200))
    with pytest.raises(BatchError, match="index row") as caught:
        await collector.collect([{"hash": "A"}, {"hash": noise}, {"hash": "B"}])
    assert list(caught.value.failures) == [1]
    await collector.snapshot(1)
    await collector.close()
    assert stored(database) == [{"hash": "A"}, {"hash": "B"}]


async def test_records_that_are_there_are_left_out(database: Any) -> None:
    collector = await opened(database, key=["hash"])
    await collector.collect([*rows(0, 5), *rows(3, 7)])
    await collector.collect(rows(0, 10))
    await asyncio.to_thread(database.throw_out)
    with pytest.raises(Retryable):
        await collector.collect(rows(8, 12))
    await collector.collect(rows(8, 12))
    await collector.collect(rows(12, 14))
    await collector.snapshot(1)
    await collector.close()
    assert stored(database) == rows(0, 14)


async def test_a_backup_that_was_put_back_is_refused(database: Any) -> None:
    collector = await opened(database)
    await collector.collect(rows(0, 5))
    state = await collector.snapshot(1)
    await collector.close()
    later = {**state, "rows": 9, "position": 2}
    with pytest.raises(CheckpointError, match="rows are missing, as after a backup was put back"):
        await opened(database, later)
    with pytest.raises(
        CheckpointError, match="the checkpoint belongs to another table than records"
    ):
        await opened(database, {**state, "table": "00000000-0000-0000-0000-000000000000"})
    assert stored(database) == rows(0, 5)
