"""PostgreSQL: rows and the position of the source in one transaction, so exactly once."""

from .postgres import Postgres as Postgres
from .records import read_records as read_records

__all__ = ["Postgres", "read_records"]
