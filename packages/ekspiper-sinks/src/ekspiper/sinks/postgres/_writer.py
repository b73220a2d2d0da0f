"""Writes a table over a connection that may be lost at any moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from ekspiper.core import CheckpointError, ConfigError, EkspiperError, Retryable

from .._position_row import PositionRow
from ._copier import Copied, Copier
from ._driver import psycopg
from ._names import Relation
from ._server_errors import is_refusal, told
from ._session import Session
from ._table import Table
from ._target import Target

__all__ = ["Writer"]


class Writer:
    """The one writer of a table, and what it has not committed yet.

    Rows wait in a transaction until the next commit, and as bytes in memory: when the connection is
    lost, the server forgets them, and the writer sends them again over the next one. When the
    connection is lost during a commit, the number of commits in the table tells whether it took
    place.

    After any error, and when it is cancelled, the writer gives the connection up: then it does not
    matter what the server makes of an unfinished statement.

    Args:
        lane: under which name it writes beside the table's own writer; empty for that one.
        timeout: seconds a statement may take.
        lock_timeout: seconds to wait for another writer that is ending.
    """

    def __init__(
        self, target: Target, name: str, *, lane: str, timeout: float, lock_timeout: float
    ) -> None:
        self.pending_bytes = 0
        self._target = target
        self._name = name
        self._lane = lane
        self._timeout = timeout
        self._lock_timeout = lock_timeout
        self._table: Table | None = None
        self._copier: Copier | None = None
        self._session: Session | None = None
        self._previous: tuple[int, str] | None = None
        self._position_row: PositionRow | None = None
        self._next: PositionRow | None = None
        """A commit that was begun, where it is not known whether it took place."""
        self._pending: list[bytes] = []

    @property
    def position_row(self) -> PositionRow:
        """How far the table has got, as far as is known."""
        assert self._position_row is not None, "the table is prepared"
        return self._position_row

    async def open(self, make: Callable[[Relation], Table]) -> Table:
        """Connect, lock, and prepare the table.

        Raises:
            ConfigError: the server refuses, or the table does not fit.
            Retryable: the server does not answer, or the table is in use.
        """
        async with self._giving_up_on_error(opening=True):
            session = await self._connect()
            relation = replace(await session.locate(self._name), lane=self._lane)
            holder = await session.lock(relation, timeout=self._lock_timeout)
            if holder:
                raise ConfigError(f"{holder}; stop that one, or choose another table")
            table = make(relation)
            self._position_row = await table.prepare(session)
        self._table = table
        return table

    def begin(self, columns: str) -> None:
        """Prepare for rows with these columns."""
        self._copier = Copier(self._prepared, columns)

    async def close(self) -> None:
        """Give up the connection, and everything that is not committed."""
        session, self._session = self._session, None
        self._pending, self.pending_bytes = [], 0
        if session is not None:
            await session.close()

    async def copy(self, lines: Sequence[bytes]) -> Copied:
        """Add rows to the transaction.

        Raises:
            Retryable: none was added.
        """
        assert self._copier is not None, "the columns are known"
        async with self._giving_up_on_error():
            copied = await self._copier.copy(await self._ready(), lines)
        self._pending += copied.data
        self.pending_bytes += sum(map(len, copied.data))
        return copied

    async def commit(self, advance: Callable[[PositionRow], PositionRow]) -> None:
        """Commit the rows together with the position row.

        Args:
            advance: makes the next row of the present one. It may be called several times: a commit
                that was begun before may turn out to have taken place.

        Raises:
            Retryable: it is not known whether it was committed. Another try never commits it twice.
        """
        async with self._giving_up_on_error():
            if self._next is None and not self._changes(advance):
                return
            session = await self._ready()
            # Again, because connecting may have found that the last commit took place.
            if not self._changes(advance):
                return
            row = advance(self.position_row)
            await session.begin()
            await self._prepared.write(session, row)
            # Before the commit: when the connection is lost in it, this says what to look for.
            self._next = row
            await session.commit()
            self._settle(row)

    def _changes(self, advance: Callable[[PositionRow], PositionRow]) -> bool:
        now = self.position_row
        return bool(self._pending) or replace(advance(now), commits=now.commits) != now

    async def cut_back(self, row: PositionRow) -> None:
        """Delete the rows that came after `row` was written."""
        async with self._giving_up_on_error():
            await self._prepared.cut_back(await self._ready(), row)
        self._settle(row)

    async def is_empty(self) -> bool:
        """Whether the table has no row."""
        async with self._giving_up_on_error():
            return await self._prepared.is_empty(await self._ready())

    async def begin_anew(self) -> None:
        """Give the table, which is empty, a new position row."""
        async with self._giving_up_on_error():
            row = await self._prepared.begin_anew(await self._ready())
        self._settle(row)

    @property
    def _prepared(self) -> Table:
        assert self._table is not None, "the writer is open"
        return self._table

    def _settle(self, row: PositionRow) -> None:
        self._position_row, self._next = row, None
        self._pending, self.pending_bytes = [], 0

    async def _connect(self) -> Session:
        session = await Session.connect(self._target, timeout=self._timeout, name=self._name)
        self._session = session
        return session

    async def _ready(self) -> Session:
        """The session, with all uncommitted rows in its transaction."""
        if self._session is not None:
            return self._session
        session = await self._connect()
        holder = await session.lock(
            self._prepared.relation, timeout=self._lock_timeout, previous=self._previous
        )
        if holder:
            raise Retryable(f"{holder}; stop that one")
        self._reconcile(await self._prepared.position_row(session))
        if self._copier is not None:
            for data in self._pending:
                await self._copier.replay(session, [data])
        return session

    def _reconcile(self, found: PositionRow | None) -> None:
        """Find out from the table whether a commit that was begun took place."""
        # The answer to COMMIT was lost, not the commit: sending the rows again would double them.
        if self._next is not None and found == self._next:
            self._settle(self._next)
        elif found == self._position_row:
            self._next = None
        else:
            raise CheckpointError(
                f"{self._prepared.relation} has changed since it was left: another pipeline wrote "
                "to it, or a server took over that did not have all of it; start again from the "
                "checkpoint"
            )

    @asynccontextmanager
    async def _giving_up_on_error(self, *, opening: bool = False) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            session, self._session = self._session, None
            if session is not None:
                # The server may not know yet that we are gone, and still hold our lock.
                self._previous = session.backend
                await session.close()
            if isinstance(error, EkspiperError) or not isinstance(error, Exception):
                raise
            kind = ConfigError if opening and is_refusal(error) else Retryable
            if not isinstance(error, psycopg.Error | OSError):
                raise
            raise kind(self._told(error)) from None

    def _told(self, error: Exception) -> str:
        what = self._target.redacted(told(error))
        return f"the table {self._name} at {self._target}: {what}"
