"""What the tables hold: their columns, and the rows that a ledger gives. Pure functions.

A table of transactions is a module with a `TransactionTable`, and the columns and rows that it consists
of.
"""

from . import account as account
from . import balance_changes as balance_changes
from . import ledgers as ledgers
from . import payments as payments
from . import trades as trades
from . import transactions as transactions
from .column import CELL_KINDS as CELL_KINDS
from .column import Column as Column
from .column import columns as columns
from .fields import FieldColumn as FieldColumn
from .fields import field_columns as field_columns
from .ledgers import totals_of as totals_of
from .problems import guarded as guarded
from .table import Rows as Rows
from .table import TransactionTable as TransactionTable
from .trades import of_pair as of_pair
from .trades import pair_rows as pair_rows
from .trades import pairs_of as pairs_of
from .transaction_fields import check_type as check_type
from .transaction_fields import with_fields as with_fields

__all__ = [
    "CELL_KINDS",
    "Column",
    "FieldColumn",
    "Rows",
    "TransactionTable",
    "account",
    "balance_changes",
    "check_type",
    "columns",
    "field_columns",
    "guarded",
    "ledgers",
    "of_pair",
    "pair_rows",
    "pairs_of",
    "payments",
    "totals_of",
    "trades",
    "transactions",
    "with_fields",
]
