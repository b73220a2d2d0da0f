"""Processors of the XRP Ledger pipeline: from ledgers to records."""

from .amm_records import AmmRecords as AmmRecords
from .book_offer_builder import BookOfferBuilder as BookOfferBuilder
from .book_offer_builder import BookRequests as BookRequests
from .book_offer_builder import book_request as book_request
from .books import OFFER_NODES as OFFER_NODES
from .books import Asset as Asset
from .books import Book as Book
from .books import books_touched as books_touched
from .books import record_amount as record_amount
from .collect_attributes import CollectAttributes as CollectAttributes
from .drift import DRIFT_METRIC as DRIFT_METRIC
from .drift import Drift as Drift
from .drift import DriftReport as DriftReport
from .exchange_reader import ExchangeReader as ExchangeReader
from .fetch_book_offers import FetchBookOffers as FetchBookOffers
from .fetch_book_offers import RequestPool as RequestPool
from .fetch_book_offers import book_command as book_command
from .fetch_book_offers import book_offers_record as book_offers_record
from .fetch_ledger import FetchLedger as FetchLedger
from .ledger_chain import LedgerChain as LedgerChain
from .ledger_chain import LedgerLink as LedgerLink
from .ledger_object_record import LedgerObjectRecord as LedgerObjectRecord
from .ledger_record import LedgerHeaderRecord as LedgerHeaderRecord
from .ledger_record import LedgerTransactions as LedgerTransactions
from .ledger_record import SplitLedger as SplitLedger
from .ledger_record import ledger_record as ledger_record
from .payment_summary import PaymentSummary as PaymentSummary
from .transaction_etl import TransactionEtl as TransactionEtl

__all__ = [
    "DRIFT_METRIC",
    "OFFER_NODES",
    "AmmRecords",
    "Asset",
    "Book",
    "BookOfferBuilder",
    "BookRequests",
    "CollectAttributes",
    "Drift",
    "DriftReport",
    "ExchangeReader",
    "FetchBookOffers",
    "FetchLedger",
    "LedgerChain",
    "LedgerHeaderRecord",
    "LedgerLink",
    "LedgerObjectRecord",
    "LedgerTransactions",
    "PaymentSummary",
    "RequestPool",
    "SplitLedger",
    "TransactionEtl",
    "book_command",
    "book_offers_record",
    "book_request",
    "books_touched",
    "ledger_record",
    "record_amount",
]
