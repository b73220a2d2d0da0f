"""What errors of the server and the driver mean here."""

from __future__ import annotations

import re

from ._driver import psycopg

__all__ = ["is_of_rows", "is_refusal", "told"]

# Classes of SQLSTATE that are about the rows sent: data, constraints, limits, triggers.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_OF_ROWS = frozenset({"22", "23", "44", "54", "P0"})

# Classes of errors that last until somebody changes something: access, names, features.
_REFUSALS = frozenset({"0A", "28", "3D", "3F", "42"})

# Messages of connections that cannot work: libpq gives no SQLSTATE with these.
_REFUSED = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in"
    r'|(role|database) ".*" does not exist|permission denied for database|certificate'
    r"|server does not support SSL|(resolve host|translate host name).*not known",
    re.DOTALL,
)

# A question that libpq adds to a refused connection. It says nothing new.
_HINT = re.compile(r"\s*Is the server running (locally|on that host) and accepting .*\?")


def is_of_rows(error: Exception) -> bool:
    """Whether the rows are at fault, or one of them."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in _OF_ROWS


def is_refusal(error: Exception) -> bool:
    """Whether trying again is useless until somebody changes something."""
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is not None:
        return error.sqlstate[:2] in _REFUSALS
    return _REFUSED.search(str(error)) is not None


def told(error: BaseException) -> str:
    """An error as one line."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    text = primary or str(error) or type(error).__name__
    if isinstance(error, psycopg.Error) and error.diag.message_detail:
        text += f" ({error.diag.message_detail:.300})"
    return " ".join(_HINT.sub("", text).split())
