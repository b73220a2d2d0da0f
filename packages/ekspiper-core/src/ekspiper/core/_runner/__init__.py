"""A pipeline while it runs: readers, workers, deliverers, and the channels between them."""

from .receipt import Receipt as Receipt
from .receipt import Receipts as Receipts
from .receipt import Status as Status
from .redelivery import Redelivery as Redelivery
from .report import Report as Report
from .report import Statistics as Statistics
from .run import Run as Run
from .run import RunOptions as RunOptions

__all__ = [
    "Receipt",
    "Receipts",
    "Redelivery",
    "Report",
    "Run",
    "RunOptions",
    "Statistics",
    "Status",
]
