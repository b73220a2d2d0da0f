"""The pipeline that records ledgers with everything the flows ask about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ekspiper.core import Collector, Delivery, Flow, Pipeline, Queue, Source, Step
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import FetchLedger

from ._exchanges import RecordAnswer, RequestsOf, ledger_exchange

__all__ = ["recorder_pipeline"]


def recorder_pipeline(
    source: Source[Any], pool: NodePool, *, file: Callable[[str], Collector[Any] | Delivery]
) -> Pipeline:
    """From ledgers to the files of a recording: `ledger_v2_binary` and `answers_v2`.

    Ledgers are proven before they are recorded.

    Args:
        source: yields `LedgerRef`s.
        file: makes the collector for the file of a name.
    """
    # A ledger waits here while the books of the one before it are asked for.
    ledgers = Queue("ledgers", max_items=64)
    requests = Queue("requests")
    return Pipeline(
        Flow(
            "ledger-details",
            source=source,
            steps=(Step(FetchLedger(pool), concurrency=16, collectors=(ledgers,)),),
        ),
        Flow(
            "record-ledgers",
            source=ledgers,
            steps=(
                Step(_line_of, name="ledgers", collectors=(file("ledger_v2_binary"),)),
                Step(RequestsOf(), name="requests", collectors=(requests,)),
            ),
        ),
        Flow(
            "record-answers",
            source=requests,
            steps=(Step(RecordAnswer(pool), concurrency=16, collectors=(file("answers_v2"),)),),
        ),
    )


def _line_of(ledger: Ledger) -> dict[str, Any]:
    return ledger_exchange(ledger)
