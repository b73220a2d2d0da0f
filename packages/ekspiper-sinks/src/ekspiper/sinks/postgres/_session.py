"""A connection of the one writer of a table."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from ekspiper.core import ConfigError

from ._driver import psycopg
from ._names import Relation, split
from ._target import Target

__all__ = ["Session"]

T = TypeVar("T")

# The lock is tried, not waited for: a waiting session could not be cancelled in good time.
# Seconds between two tries to become the writer.
_POLL = 0.05

# Seconds that the server is given to cancel a statement that takes too long.
_GRACE = 5.0

_SETTINGS = """
    SELECT set_config('statement_timeout', $1, false),
           set_config('idle_in_transaction_session_timeout', '0', false),
           set_config('client_encoding', 'UTF8', false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
               WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
# A checkpoint is written once a commit has returned: it must then survive a crash of the server.

_HOLDER = """
    SELECT a.pid, a.application_name, a.backend_start::timestamptz(0)::text
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = $1
"""

_END_PREVIOUS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = $1 AND backend_start::text = $2
"""


class Session:
    """A connection with the settings that this sink needs.

    Args:
        timeout: seconds that a statement may take. A server that does not answer at all is given up
            a little later.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], *, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self.backend: tuple[int, str] = (0, "")
        """The server process, and when it began: needed to end it if it outlives the connection."""
        self.in_transaction = False

    @classmethod
    async def connect(cls, target: Target, *, timeout: float, name: str) -> Session:
        """Connect.

        Raises:
            psycopg.Error: the server cannot be reached, or refuses.
        """
        # The name shows in pg_stat_activity, so that an administrator sees whose session it is.
        parameters: dict[str, Any] = {"application_name": f"ekspiper {name}"} | target.parameters
        connection = await psycopg.AsyncConnection.connect(
            **parameters, autocommit=True, cursor_factory=psycopg.AsyncRawCursor
        )
        session = cls(connection, timeout=timeout)
        try:
            await session.run(_SETTINGS, str(int(timeout * 1000)))
            found = await session.run(
                "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            )
            session.backend = found[0]
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def is_alive(self) -> bool:
        """Whether the connection is usable, as far as is known."""
        return not self._connection.closed and not self._connection.broken

    async def close(self) -> None:
        """Close it at once. What was not committed is lost."""
        await self._connection.close()

    async def run(self, query: str, *parameters: Any) -> list[Any]:
        """Execute a statement, with `$1`, `$2`, ... as parameters, and fetch its rows."""
        return await self._guarded(self._run(query, parameters))

    async def _run(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        cursor = await self._connection.execute(query, parameters or None)
        return await cursor.fetchall() if cursor.description is not None else []

    async def copy(self, statement: str, lines: Iterable[bytes]) -> None:
        """`COPY ... FROM STDIN` of these bytes."""
        await self._guarded(self._copy(statement, lines))

    async def _copy(self, statement: str, chunks: Iterable[bytes]) -> None:
        async with (
            self._connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            for chunk in chunks:
                await copy.write(chunk)

    async def begin(self) -> None:
        """Begin a transaction, unless one is open. Constraints are checked row by row in it."""
        if not self.in_transaction:
            await self.run("BEGIN")
            self.in_transaction = True
            # A deferred constraint would fail the commit, when nobody can say which row it was.
            await self.run("SET CONSTRAINTS ALL IMMEDIATE")

    async def commit(self) -> None:
        """Commit. When it raises, only another session can find out whether it was committed."""
        await self.run("COMMIT")
        self.in_transaction = False

    async def locate(self, table: str) -> Relation:
        """The full name of a table, which need not exist.

        Raises:
            ConfigError: its schema does not exist.
        """
        schema, name = split(table)
        if schema is None:
            [(schema,)] = await self.run("SELECT current_schema()")
            if schema is None:
                raise ConfigError(
                    f"no schema is set for the table {name}: name one, as in public.{name}"
                )
        elif not await self.run("SELECT FROM pg_namespace WHERE nspname = $1", schema):
            raise ConfigError(
                f'the schema {schema!r} of the table {name} does not exist: CREATE SCHEMA "{schema}"'
            )
        return Relation(schema, name)

    async def lock(
        self, relation: Relation, *, timeout: float, previous: tuple[int, str] | None = None
    ) -> str | None:
        """Become the one writer of a table, until this connection ends; or say who is.

        Args:
            timeout: seconds to wait for one that is ending.
            previous: our server process of before, to be ended first.
        """
        # After a cut connection the server may not have noticed, and our own old session holds the
        # lock.
        if previous is not None:
            await self.run(_END_PREVIOUS, *previous)
        clock = asyncio.get_running_loop().time
        until = clock() + timeout
        while not (await self.run("SELECT pg_try_advisory_lock($1)", relation.lock))[0][0]:
            if clock() >= until:
                found = await self.run(_HOLDER, relation.lock)
                who = "server process {} ({}, since {})".format(*found[0]) if found else "another"
                return f"{relation} is being written by {who}"
            await asyncio.sleep(_POLL)
        return None

    async def _guarded(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`; too late or cancelled, break the connection, so that it ends at once."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait((task,), timeout=self._timeout + _GRACE)
        except asyncio.CancelledError:
            await self._end(task)
            raise
        if not done:
            await self._end(task)
            raise TimeoutError(f"the server did not answer within {self._timeout:g} s")
        return task.result()

    async def _end(self, task: asyncio.Task[Any]) -> None:
        """Cut the line: the driver sees that the server is gone, and the server that we are."""
        if not self._connection.closed:
            line = socket.socket(fileno=os.dup(self._connection.fileno()))
            with line:
                line.shutdown(socket.SHUT_RDWR)
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # the caller, who cut the line, raises its own error
