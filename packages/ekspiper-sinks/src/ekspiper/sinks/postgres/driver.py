"""psycopg, imported where it is used, and what its errors mean."""

from __future__ import annotations

from typing import Any

from ekspiper.core import ConfigError, MissingExtra, Retryable, Secret

__all__ = ["connect", "described", "driver", "is_of_a_row", "translated"]

_CONNECT_SECONDS = 10

# Classes of SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_OF_A_ROW = ("22", "23", "54")
_PASSING = ("08", "40", "53", "55", "57", "58")

_LOGIN_WORDS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "not permitted to log in",
)


def driver() -> Any:
    """The module `psycopg`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra(
            "PostgreSQL needs psycopg: pip install 'ekspiper-sinks[postgres]'"
        ) from error
    return psycopg


def described(dsn: Secret | str) -> str:
    """Where a connection goes, without the password.

    Raises:
        ConfigError: the dsn cannot be read. Its text is in no message.
    """
    psycopg = driver()
    from psycopg.conninfo import conninfo_to_dict

    text = dsn.reveal() if isinstance(dsn, Secret) else dsn
    try:
        parts = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ConfigError(
            "the dsn of PostgreSQL cannot be read; it looks like "
            "postgresql://user@host:5432/database, or like 'host=... user=... dbname=...'"
        ) from None
    user = f"{parts['user']}@" if parts.get("user") else ""
    return f"{user}{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


async def connect(dsn: Secret | str) -> Any:
    """An open connection in autocommit mode.

    Raises:
        ConfigError: user, password or database are wrong.
        Retryable: the server cannot be reached.
    """
    psycopg = driver()
    where = described(dsn)
    text = dsn.reveal() if isinstance(dsn, Secret) else dsn
    try:
        return await psycopg.AsyncConnection.connect(
            text, autocommit=True, connect_timeout=_CONNECT_SECONDS, client_encoding="utf8"
        )
    except psycopg.Error as error:
        words = _one_line(error)
        if any(each in words for each in _LOGIN_WORDS):
            raise ConfigError(
                f"cannot log in to PostgreSQL at {where}: {words}; check user, password and database"
            ) from None
        raise Retryable(f"cannot reach PostgreSQL at {where}: {words}") from None


def is_of_a_row(error: Exception) -> bool:
    """Whether an error is about a row's data, so that the other rows may do."""
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith(_OF_A_ROW)


def translated(error: Exception, where: str, *, opening: bool) -> Exception:
    """What an error of psycopg that is no row's fault means for the caller.

    Args:
        opening: nothing has been collected yet. Later, even what only a person can mend is worth
            waiting for, as the rows are not to blame.
    """
    state = getattr(error, "sqlstate", None) or ""
    words = f"PostgreSQL at {where}: {_one_line(error)}"
    if opening and state and not state.startswith(_PASSING):
        return ConfigError(words)
    return Retryable(words)


def _one_line(error: Exception) -> str:
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error)
    return "; ".join(line.strip() for line in message.splitlines() if line.strip())
