"""The flows of the XRP Ledger pipeline, by the names that metrics, logs and diagrams show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ekspiper.core import Collector, Delivery, Flow, Pipeline, Processor, Queue, Source, Step

from .processors.amm_records import AmmRecords
from .processors.book_offer_builder import BookOfferBuilder
from .processors.fetch_book_offers import FetchBookOffers, RequestPool
from .processors.ledger_header_record import LedgerHeaderRecord
from .processors.split_ledger import SplitLedger
from .processors.transaction_etl import TransactionEtl

__all__ = ["CollectorsByRecord", "ledger_pipeline"]

CollectorsByRecord = Mapping[str, Sequence[Collector[Any] | Delivery]]
"""Which collectors take `transactions`, `ledgers`, `book_offers` and `amms`."""

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
        books_concurrency: order books asked for at once.
        books: whether the books and AMM pools that a ledger touched are recorded.
    """
    book_offers_fetch = Queue("book_offers_fetch_flow_q", **_ledger_bounds())
    book_offers_req = Queue("book_offers_req_flow_q")
    ledger_record = Queue("ledger_record_flow_q", **_ledger_bounds())
    txn_records = Queue("txn_records_flow_q", measure=attrgetter("size"))

    ledger_details = Flow(
        "ledger-details",
        source=source,
        steps=(
            Step(
                fetch_ledger,
                name="ledger-details",
                concurrency=fetch_concurrency,
                collectors=(book_offers_fetch, ledger_record) if books else (ledger_record,),
            ),
        ),
    )
    book_offers_fetching = Flow(
        "book-offers-fetch",
        source=book_offers_fetch,
        steps=(
            Step(BookOfferBuilder(), name="build-requests", collectors=(book_offers_req,)),
            Step(
                AmmRecords(pool),
                name="amm-record",
                concurrency=_AMMS_AT_ONCE,
                collectors=collectors.get("amms", ()),
            ),
        ),
    )
    book_offers_recording = Flow(
        "book-offers-record",
        source=book_offers_req,
        steps=(
            Step(
                FetchBookOffers(pool),
                name="fetch-book-offers",
                concurrency=books_concurrency,
                collectors=collectors.get("book_offers", ()),
            ),
        ),
    )
    ledger_splitting = Flow(
        "ledger-record",
        source=ledger_record,
        steps=(
            Step(SplitLedger(), name="ledger-to-transactions", collectors=(txn_records,)),
            Step(
                LedgerHeaderRecord(),
                name="ledger-record",
                collectors=collectors.get("ledgers", ()),
            ),
        ),
    )
    transaction_recording = Flow(
        "transaction-record",
        source=txn_records,
        steps=(
            Step(
                etl or TransactionEtl(),
                name="etl",
                collectors=collectors.get("transactions", ()),
            ),
        ),
    )
    for_books = (book_offers_fetching, book_offers_recording) if books else ()
    return Pipeline(ledger_details, *for_books, ledger_splitting, transaction_recording)


def _ledger_bounds() -> dict[str, Any]:
    return {
        "max_items": _LEDGERS_WAITING,
        "max_bytes": _BYTES_WAITING,
        "measure": attrgetter("size"),
    }
