"""The package of the extra `postgres`, imported in one place."""

from __future__ import annotations

from .._checks import missing_extra

try:
    import psycopg as psycopg
    from psycopg.conninfo import conninfo_to_dict as conninfo_to_dict
except ImportError as error:
    raise missing_extra("PostgreSQL", error, extra="postgres") from None

__all__ = ["conninfo_to_dict", "psycopg"]
