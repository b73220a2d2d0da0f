"""The answers, one module for each family of commands: functions of a view and a request."""

from .about_server import fee as fee
from .about_server import ping as ping
from .about_server import server_definitions as server_definitions
from .about_server import server_info as server_info
from .about_server import server_state as server_state
from .books import amm_info as amm_info
from .books import book_offers as book_offers
from .ledger import ledger as ledger
from .ledger import ledger_closed as ledger_closed
from .ledger import ledger_current as ledger_current
from .ledger_data import ledger_data as ledger_data
from .ledger_data import ledger_entry as ledger_entry
from .transactions import tx as tx

__all__ = [
    "amm_info",
    "book_offers",
    "fee",
    "ledger",
    "ledger_closed",
    "ledger_current",
    "ledger_data",
    "ledger_entry",
    "ping",
    "server_definitions",
    "server_info",
    "server_state",
    "tx",
]
