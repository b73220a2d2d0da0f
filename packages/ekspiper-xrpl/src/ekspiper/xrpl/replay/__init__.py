"""A node that serves a recording, over WebSocket and JSON-RPC."""

from .errors import RecordingError as RecordingError
from .faults import KINDS as KINDS
from .faults import Fault as Fault
from .faults import FaultPlan as FaultPlan
from .recording import Recording as Recording
from .server import ReplayNode as ReplayNode

__all__ = ["KINDS", "Fault", "FaultPlan", "Recording", "RecordingError", "ReplayNode"]
