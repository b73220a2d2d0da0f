"""A node that serves a recording, over WebSocket and JSON-RPC."""

from .errors import RecordingError as RecordingError
from .recording import Recording as Recording
from .server import ReplayNode as ReplayNode

__all__ = ["Recording", "RecordingError", "ReplayNode"]
