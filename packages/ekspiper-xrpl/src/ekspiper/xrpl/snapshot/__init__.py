"""All objects of a ledger's state, proven by its `account_hash`."""

from .proof import StateMismatch as StateMismatch
from .proof import StateProof as StateProof
from .second_reading import SecondReading as SecondReading
from .snapshot import Snapshot as Snapshot
from .snapshot import SnapshotReport as SnapshotReport

__all__ = ["SecondReading", "Snapshot", "SnapshotReport", "StateMismatch", "StateProof"]
