"""A node that serves a recording, over WebSocket and JSON-RPC."""

from .errors import RecordingError as RecordingError
from .faults import KINDS as KINDS
from .faults import Fault as Fault
from .faults import FaultPlan as FaultPlan
from .faults import Kind as Kind
from .node import ReplayNode as ReplayNode
from .process import ReplayProcess as ReplayProcess
from .recording import SAMPLE as SAMPLE
from .recording import Recording as Recording

__all__ = [
    "KINDS",
    "SAMPLE",
    "Fault",
    "FaultPlan",
    "Kind",
    "Recording",
    "RecordingError",
    "ReplayNode",
    "ReplayProcess",
]
