"""The table of positions: what each sink of a database holds."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from ekspiper.core import ConfigError, Position

__all__ = ["Held", "advance", "claim", "held"]

_LOCK_SECONDS = 10

_TABLE = (
    "CREATE TABLE IF NOT EXISTS ekspiper_positions (sink text PRIMARY KEY, id text NOT NULL,"
    " commits bigint NOT NULL, position jsonb, updated timestamptz NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a sink holds: its id, the transactions committed for it, and the position."""

    id: str
    commits: int
    position: Position


async def claim(connection: Any, sink: str) -> None:
    """Take the sink for this connection, and make its row in the table of positions.

    Waits a while, as a session of a killed process may take a moment to end.

    Raises:
        ConfigError: another process writes to it.
    """
    from psycopg.errors import LockNotAvailable

    await connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    try:
        await connection.execute(
            "SELECT pg_advisory_lock(hashtextextended('ekspiper ' || %s, 0))", [sink]
        )
    except LockNotAvailable:
        raise ConfigError(
            f"the table {sink} is being written by another collector or process; "
            "stop that one, or choose another table"
        ) from None
    await connection.execute("SET lock_timeout = 0")
    async with connection.transaction():
        # Two sinks that make the same table at once fail, whatever IF NOT EXISTS says.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ekspiper', 0))")
        await connection.execute(_TABLE)
        await connection.execute(
            "INSERT INTO ekspiper_positions VALUES (%s, %s, 0, NULL, now()) ON CONFLICT DO NOTHING",
            [sink, uuid.uuid4().hex],
        )


async def held(connection: Any, sink: str) -> Held:
    """What the sink holds now."""
    cursor = await connection.execute(
        "SELECT id, commits, position FROM ekspiper_positions WHERE sink = %s", [sink]
    )
    return Held(*await cursor.fetchone())


async def advance(connection: Any, sink: str, commits: int, position: str | None) -> None:
    """Write the number of the transaction that is about to be committed, and its position.

    Args:
        position: as JSON text; None leaves the position where it is.
    """
    await connection.execute(
        "UPDATE ekspiper_positions SET commits = %s, updated = now(),"
        " position = coalesce(%s::jsonb, position) WHERE sink = %s",
        [commits, position, sink],
    )
