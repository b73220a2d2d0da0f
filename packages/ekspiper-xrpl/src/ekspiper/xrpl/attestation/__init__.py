"""Signed ledgers in practice: lists fetched, validations heard, headers read, proofs kept."""

from .header_reader import HeaderPool as HeaderPool
from .header_reader import HeaderReader as HeaderReader
from .header_reader import ProvenHeader as ProvenHeader
from .list_store import Fetch as Fetch
from .list_store import ListStore as ListStore
from .list_store import fetch_document as fetch_document
from .list_store import ledger_time as ledger_time
from .notary import Notary as Notary
from .notary import NotaryPool as NotaryPool
from .proof_archive import ArchivedState as ArchivedState
from .proof_archive import ProofArchive as ProofArchive
from .proof_archive import read_archive as read_archive
from .proven_chain import ProvenChain as ProvenChain
from .proven_chain import ProvenHash as ProvenHash
from .proven_chain import Prover as Prover
from .trustees import Publisher as Publisher
from .trustees import Trustees as Trustees
from .trustees import all_known_publishers as all_known_publishers
from .trustees import known_publishers as known_publishers
from .trustees import read_trustees as read_trustees

__all__ = [
    "ArchivedState",
    "Fetch",
    "HeaderPool",
    "HeaderReader",
    "ListStore",
    "Notary",
    "NotaryPool",
    "ProofArchive",
    "ProvenChain",
    "ProvenHash",
    "ProvenHeader",
    "Prover",
    "Publisher",
    "Trustees",
    "all_known_publishers",
    "fetch_document",
    "known_publishers",
    "ledger_time",
    "read_archive",
    "read_trustees",
]
