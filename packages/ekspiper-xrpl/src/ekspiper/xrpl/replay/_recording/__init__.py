"""What was recorded, indexed: the lines of files become ledgers, states and histories."""

from .index import History as History
from .index import Index as Index
from .index import add as add
from .index import asset_key as asset_key
from .index import book_key as book_key
from .index import exchange_key as exchange_key
from .ledger_record import Form as Form
from .ledger_record import LedgerRecord as LedgerRecord
from .ledger_record import header_of as header_of
from .lines import read_folder as read_folder
from .lines import read_lists as read_lists
from .spool import ByteCache as ByteCache
from .spool import Span as Span
from .state import StateColumn as StateColumn
from .state import StateRecord as StateRecord
from .testimony import Testimony as Testimony
from .testimony import ValidatorDocument as ValidatorDocument

__all__ = [
    "ByteCache",
    "Form",
    "History",
    "Index",
    "LedgerRecord",
    "Span",
    "StateColumn",
    "StateRecord",
    "Testimony",
    "ValidatorDocument",
    "add",
    "asset_key",
    "book_key",
    "exchange_key",
    "header_of",
    "read_folder",
    "read_lists",
]
