"""The notebook SDK: ledgers as tables, objects and pictures."""

from .errors import ExplorerClosed as ExplorerClosed
from .errors import OutOfHistory as OutOfHistory
from .errors import TooManyRows as TooManyRows
from .errors import UnknownPair as UnknownPair
from .explorer import Explorer as Explorer
