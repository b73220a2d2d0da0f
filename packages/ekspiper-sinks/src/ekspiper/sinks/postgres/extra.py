"""The one place that imports the package of the extra `postgres`."""

from __future__ import annotations

from ekspiper.core import MissingExtra

try:
    import psycopg as psycopg
    from psycopg.conninfo import conninfo_to_dict as conninfo_to_dict
except ImportError as error:
    raise MissingExtra(
        f"PostgreSQL needs the package {error.name or 'psycopg'}: "
        "pip install 'ekspiper-sinks[postgres]'"
    ) from None

__all__ = ["conninfo_to_dict", "psycopg"]
