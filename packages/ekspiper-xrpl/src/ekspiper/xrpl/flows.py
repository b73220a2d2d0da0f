"""The flows of the XRP Ledger pipeline, by the names that metrics, logs and diagrams show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ekspiper.core import (
    Collector,
    Delivery,
    Flow,
    Pipeline,
    Processor,
    Queue,
    RetryPolicy,
    Source,
    Step,
)
from ekspiper.xrpl.processors import (
    AmmRecords,
    BookOfferBuilder,
    ExchangeReader,
    FetchBookOffers,
    LedgerHeaderRecord,
    RequestPool,
    SplitLedger,
    TransactionEtl,
)

__all__ = ["ROOT", "CollectorsByRecord", "ledger_pipeline"]

CollectorsByRecord = Mapping[str, Sequence[Collector[Any] | Delivery]]
"""Which collectors take `transactions`, `ledgers`, `book_offers` and `amms`."""

ROOT = "ledger-details"
"""The flow that reads the source, whose position the checkpoint holds."""

# Between flows: enough that fetching does not wait for a slow sink's every batch.
_LEDGERS_WAITING = 64

_AMMS_AT_ONCE = 4
_BYTES_WAITING = 64 * 1024 * 1024


def ledger_pipeline(
    source: Source[Any] | Iterable[Any],
    *,
    fetch_ledger: Processor[Any, Any],
    pool: RequestPool,
    collectors: CollectorsByRecord,
    etl: TransactionEtl | None = None,
    fetch_concurrency: int = 16,
    fetch_retry: RetryPolicy | None = None,
    books_concurrency: int = 16,
    books: bool = True,
) -> Pipeline:
    """The pipeline from new ledgers to records of transactions, ledgers, book offers and AMMs.

    Args:
        source: yields what `fetch_ledger` takes, for example `LedgerStream` or `LedgerRange`.
        fetch_ledger: turns that into verified ledgers.
        pool: the nodes that are asked for book offers.
        collectors: who takes the records of each kind.
        etl: makes the records of transactions.
        fetch_concurrency: ledgers asked for at once.
        fetch_retry: how often and for how long a ledger is asked for again.
        books_concurrency: order books asked for at once.
        books: whether the books and AMM pools that a ledger touched are recorded.
    """
    ledgers = _ledger_queue("ledger_record_flow_q")
    ledgers_for_books = _ledger_queue("book_offers_fetch_flow_q")
    transactions = Queue("txn_records_flow_q", measure=attrgetter("size"))
    requests = Queue("book_offers_req_flow_q")
    fetch = Step(
        fetch_ledger,
        name="ledger-details",
        concurrency=fetch_concurrency,
        retry=fetch_retry,
        collectors=(ledgers_for_books, ledgers) if books else (ledgers,),
    )
    for_books = (
        _book_offers_fetch(ledgers_for_books, requests, pool, collectors),
        _book_offers_record(requests, pool, collectors, books_concurrency),
    )
    return Pipeline(
        Flow("ledger-details", source=source, steps=(fetch,)),
        *(for_books if books else ()),
        _ledger_record(ledgers, transactions, collectors),
        _transaction_record(transactions, etl or TransactionEtl(), collectors),
    )


def _book_offers_fetch(
    ledgers: Queue, requests: Queue, pool: RequestPool, collectors: CollectorsByRecord
) -> Flow:
    """What a ledger touched on the exchange: requests for its books, records of its AMMs."""
    reader = ExchangeReader()
    return Flow(
        "book-offers-fetch",
        source=ledgers,
        steps=(
            Step(BookOfferBuilder(reader), name="build-requests", collectors=(requests,)),
            Step(
                AmmRecords(pool, reader=reader),
                name="amm-record",
                concurrency=_AMMS_AT_ONCE,
                collectors=collectors.get("amms", ()),
            ),
        ),
    )


def _book_offers_record(
    requests: Queue, pool: RequestPool, collectors: CollectorsByRecord, concurrency: int
) -> Flow:
    step = Step(
        FetchBookOffers(pool, at_once=concurrency),
        name="fetch-book-offers",
        concurrency=concurrency,
        collectors=collectors.get("book_offers", ()),
    )
    return Flow("book-offers-record", source=requests, steps=(step,))


def _ledger_record(ledgers: Queue, transactions: Queue, collectors: CollectorsByRecord) -> Flow:
    """Two steps with the same ledgers: one takes them apart, the other records their headers."""
    return Flow(
        "ledger-record",
        source=ledgers,
        steps=(
            Step(SplitLedger(), name="ledger-to-transactions", collectors=(transactions,)),
            Step(
                LedgerHeaderRecord(), name="ledger-record", collectors=collectors.get("ledgers", ())
            ),
        ),
    )


def _transaction_record(
    transactions: Queue, etl: TransactionEtl, collectors: CollectorsByRecord
) -> Flow:
    step = Step(etl, name="etl", collectors=collectors.get("transactions", ()))
    return Flow("transaction-record", source=transactions, steps=(step,))


def _ledger_queue(name: str) -> Queue:
    return Queue(
        name, max_items=_LEDGERS_WAITING, max_bytes=_BYTES_WAITING, measure=attrgetter("size")
    )
