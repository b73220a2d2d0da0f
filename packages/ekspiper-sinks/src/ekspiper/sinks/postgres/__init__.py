"""Tables of PostgreSQL: rows and position in one transaction."""

from .collector import Postgres as Postgres

__all__ = ["Postgres"]
