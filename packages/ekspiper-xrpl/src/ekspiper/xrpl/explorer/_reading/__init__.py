"""How an explorer reads ledgers: which ones are meant, from where, and where proven ones are kept."""

from .ledger_cache import LedgerCache as LedgerCache
from .ledger_cache import default_cache_folder as default_cache_folder
from .ledger_query import LedgerQuery as LedgerQuery
from .ledger_query import Ledgers as Ledgers
from .ledger_query import parse_query as parse_query
from .ledger_reader import LedgerReader as LedgerReader

__all__ = [
    "LedgerCache",
    "LedgerQuery",
    "LedgerReader",
    "Ledgers",
    "default_cache_folder",
    "parse_query",
]
