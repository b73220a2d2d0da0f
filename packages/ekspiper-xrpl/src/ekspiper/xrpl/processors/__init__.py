"""Processors of the XRP Ledger pipeline: from ledgers to records."""

from .amm_records import AmmRecords as AmmRecords
from .book_offer_builder import BookOfferBuilder as BookOfferBuilder
from .book_offer_builder import book_request as book_request
from .books import Asset as Asset
from .books import Book as Book
from .books import books_touched as books_touched
from .collect_attributes import CollectAttributes as CollectAttributes
from .drift import DRIFT_METRIC as DRIFT_METRIC
from .drift import Drift as Drift
from .drift import DriftReport as DriftReport
from .fetch_book_offers import FetchBookOffers as FetchBookOffers
from .fetch_ledger import FetchLedger as FetchLedger
from .ledger_header_record import LedgerHeaderRecord as LedgerHeaderRecord
from .ledger_header_record import ledger_record as ledger_record
from .ledger_object_record import LedgerObjectRecord as LedgerObjectRecord
from .payment_summary import PaymentSummary as PaymentSummary
from .split_ledger import SplitLedger as SplitLedger
from .transaction_etl import TransactionEtl as TransactionEtl
