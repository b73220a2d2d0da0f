"""Signed ledgers in practice: lists fetched, validations heard, headers read, proofs kept."""

from .evidence import HEADERS_NAME as HEADERS_NAME
from .evidence import Anchor as Anchor
from .evidence import Evidence as Evidence
from .folder_proofs import FolderProofs as FolderProofs
from .folder_proofs import LedgerTransactions as LedgerTransactions
from .header_reader import HeaderPool as HeaderPool
from .header_reader import HeaderReader as HeaderReader
from .header_reader import ProvenHeader as ProvenHeader
from .list_store import Fetch as Fetch
from .list_store import ListStore as ListStore
from .list_store import fetch_document as fetch_document
from .list_store import ledger_time as ledger_time
from .node_proofs import NodeProofs as NodeProofs
from .notary import Notary as Notary
from .notary import NotaryPool as NotaryPool
from .open_notary import clock_of as clock_of
from .open_notary import open_notary as open_notary
from .proof_archive import ARCHIVE_NAME as ARCHIVE_NAME
from .proof_archive import ArchivedState as ArchivedState
from .proof_archive import ProofArchive as ProofArchive
from .proof_archive import read_archive as read_archive
from .proven_chain import ProvenChain as ProvenChain
from .proven_chain import ProvenHash as ProvenHash
from .proven_chain import Prover as Prover
from .signed_ledgers import NotSigned as NotSigned
from .signed_ledgers import SignedLedgers as SignedLedgers
from .skip_lists import SkipLists as SkipLists

__all__ = [
    "ARCHIVE_NAME",
    "HEADERS_NAME",
    "Anchor",
    "ArchivedState",
    "Evidence",
    "Fetch",
    "FolderProofs",
    "HeaderPool",
    "HeaderReader",
    "LedgerTransactions",
    "ListStore",
    "NodeProofs",
    "NotSigned",
    "Notary",
    "NotaryPool",
    "ProofArchive",
    "ProvenChain",
    "ProvenHash",
    "ProvenHeader",
    "Prover",
    "SignedLedgers",
    "SkipLists",
    "clock_of",
    "fetch_document",
    "ledger_time",
    "open_notary",
    "read_archive",
]
