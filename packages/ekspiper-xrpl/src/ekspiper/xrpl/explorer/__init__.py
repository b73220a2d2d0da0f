"""The notebook SDK: ledgers as tables, objects and pictures."""

from .errors import ExplorerClosed as ExplorerClosed
from .errors import OutOfHistory as OutOfHistory
from .errors import TooManyRows as TooManyRows
from .errors import UnknownPair as UnknownPair
from .explorer import Explorer as Explorer
from .explorer_source import ExplorerSource as ExplorerSource
from .follow import Follow as Follow
from .order_book import OrderBook as OrderBook
from .running_pipeline import RunningPipeline as RunningPipeline
from .sync_explorer import SyncExplorer as SyncExplorer
from .views import LedgerView as LedgerView
from .views import TransactionView as TransactionView
from .views import TrustView as TrustView

__all__ = [
    "Explorer",
    "ExplorerClosed",
    "ExplorerSource",
    "Follow",
    "LedgerView",
    "OrderBook",
    "OutOfHistory",
    "RunningPipeline",
    "SyncExplorer",
    "TooManyRows",
    "TransactionView",
    "TrustView",
    "UnknownPair",
]
