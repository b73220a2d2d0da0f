"""All objects of a ledger's state, proven by its `account_hash`."""

from .second_reading import SecondReading as SecondReading
from .snapshot import Snapshot as Snapshot
from .snapshot import SnapshotReport as SnapshotReport
from .state_proof import StateMismatch as StateMismatch
from .state_proof import StateProof as StateProof

__all__ = ["SecondReading", "Snapshot", "SnapshotReport", "StateMismatch", "StateProof"]
