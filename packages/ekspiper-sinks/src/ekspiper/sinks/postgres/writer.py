"""Writes a table over a connection that may be lost at any moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from ekspiper.core import CheckpointError, ConfigError, EkspiperError, Retryable

from .copying import Copied, Copying
from .extra import psycopg
from .faults import is_refusal, told
from .names import Relation
from .session import Session
from .standing import Standing
from .table import Table
from .target import Target

__all__ = ["Writer"]


class Writer:
    """The one writer of a table, and what it has not committed yet.

    Rows wait in a transaction until the next commit, and as bytes in memory: when the connection
    is lost, the server forgets them, and they are sent again over the next one. Whether a commit
    during which the connection was lost took place, the commits counted in the table say.

    After any error, and when it is cancelled, the connection is given up: what the server then
    makes of an unfinished statement does not matter.

    Args:
        timeout: seconds a statement may take.
        lock_timeout: seconds to wait for another writer that is ending.
    """

    def __init__(self, target: Target, name: str, *, timeout: float, lock_timeout: float) -> None:
        self.pending_bytes = 0
        self._target = target
        self._name = name
        self._timeout = timeout
        self._lock_timeout = lock_timeout
        self._table: Table | None = None
        self._copying: Copying | None = None
        self._session: Session | None = None
        self._previous: tuple[int, str] | None = None
        self._standing: Standing | None = None
        self._next: Standing | None = None
        """A commit that was begun, and of which it is not known whether it took place."""
        self._pending: list[bytes] = []

    @property
    def standing(self) -> Standing:
        """How far the table is, as far as is known."""
        assert self._standing is not None, "the table has been prepared"
        return self._standing

    async def open(self, make: Callable[[Relation], Table]) -> Table:
        """Connect, lock, and prepare the table.

        Raises:
            ConfigError: the server refuses, or the table is not fit.
            Retryable: the server does not answer, or the table is in use.
        """
        async with self._giving_up_on_error(opening=True):
            session = await self._connect()
            relation = await session.locate(self._name)
            holder = await session.lock(relation, patience=self._lock_timeout)
            if holder:
                raise ConfigError(f"{holder}; stop that one, or choose another table")
            table = make(relation)
            self._standing = await table.prepare(session)
        self._table = table
        return table

    def begin(self, columns: str) -> None:
        """Rows of these columns come."""
        self._copying = Copying(self._prepared, columns)

    async def close(self) -> None:
        """Give the connection up, and all that is not committed."""
        session, self._session = self._session, None
        self._pending, self.pending_bytes = [], 0
        if session is not None:
            await session.close()

    async def copy(self, lines: Sequence[bytes]) -> Copied:
        """Add rows to the transaction.

        Raises:
            Retryable: none was added.
        """
        assert self._copying is not None, "the columns are known"
        async with self._giving_up_on_error():
            copied = await self._copying.copy(await self._ready(), lines)
        self._pending += copied.data
        self.pending_bytes += sum(map(len, copied.data))
        return copied

    async def commit(self, advance: Callable[[Standing], Standing]) -> None:
        """Commit the rows together with how far the table then is.

        Args:
            advance: what follows a standing. May be asked several times: a commit that was begun
                before may turn out to have taken place.

        Raises:
            Retryable: it is not known to be committed. Another try never commits it twice.
        """
        async with self._giving_up_on_error():
            if self._next is None and not self._changes(advance):
                return
            session = await self._ready()
            if not self._changes(advance):
                return
            standing = advance(self.standing)
            await session.begin()
            await self._prepared.write(session, standing)
            self._next = standing
            await session.commit()
            self._settle(standing)

    def _changes(self, advance: Callable[[Standing], Standing]) -> bool:
        now = self.standing
        return bool(self._pending) or replace(advance(now), commits=now.commits) != now

    async def cut_back(self, standing: Standing) -> None:
        """Delete the rows after `standing`."""
        async with self._giving_up_on_error():
            await self._prepared.cut_back(await self._ready(), standing)
        self._settle(standing)

    async def is_empty(self) -> bool:
        """Whether the table has no row."""
        async with self._giving_up_on_error():
            return await self._prepared.is_empty(await self._ready())

    async def begin_anew(self) -> None:
        """Forget how far the table was; it is empty."""
        async with self._giving_up_on_error():
            standing = await self._prepared.begin_anew(await self._ready())
        self._settle(standing)

    @property
    def _prepared(self) -> Table:
        assert self._table is not None, "the writer is open"
        return self._table

    def _settle(self, standing: Standing) -> None:
        self._standing, self._next = standing, None
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
            self._prepared.relation, patience=self._lock_timeout, previous=self._previous
        )
        if holder:
            raise Retryable(f"{holder}; stop that one")
        self._reconcile(await self._prepared.standing(session))
        if self._copying is not None:
            for data in self._pending:
                await self._copying.replay(session, [data])
        return session

    def _reconcile(self, found: Standing | None) -> None:
        """Learn from the table what became of a commit that was begun."""
        if self._next is not None and found == self._next:
            self._settle(self._next)
        elif found == self._standing:
            self._next = None
        else:
            raise CheckpointError(
                f"{self._prepared.relation} is not where it was left: another pipeline wrote to "
                "it, or a server took over that had not all of it; start again from the checkpoint"
            )

    @asynccontextmanager
    async def _giving_up_on_error(self, *, opening: bool = False) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            session, self._session = self._session, None
            if session is not None:
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
