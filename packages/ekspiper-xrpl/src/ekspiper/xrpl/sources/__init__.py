"""Sources of ledgers and of ledger objects."""

from .ledger_index_file import LedgerIndexFile as LedgerIndexFile
from .ledger_objects import BadPage as BadPage
from .ledger_objects import LedgerObjects as LedgerObjects
from .ledger_range import LedgerRange as LedgerRange
from .ledger_ref import LedgerRef as LedgerRef
from .ledger_stream import LedgerStream as LedgerStream
from .object_page import ObjectPage as ObjectPage

__all__ = [
    "BadPage",
    "LedgerIndexFile",
    "LedgerObjects",
    "LedgerRange",
    "LedgerRef",
    "LedgerStream",
    "ObjectPage",
]
