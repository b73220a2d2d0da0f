"""Pictures of tables and pipelines with matplotlib: one call each, which returns the axes."""

from .book_depth import book_depth as book_depth
from .fee_distribution import fee_distribution as fee_distribution
from .pipeline_graph import pipeline_graph as pipeline_graph
from .price import price as price
from .signatures import signatures as signatures
from .transactions_over_time import transactions_over_time as transactions_over_time

__all__ = [
    "book_depth",
    "fee_distribution",
    "pipeline_graph",
    "price",
    "signatures",
    "transactions_over_time",
]
