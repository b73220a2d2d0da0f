"""Order books without the server's limit of 100 offers, from the state of a ledger."""

from .books import WholeBooks as WholeBooks
from .read import read_books as read_books
