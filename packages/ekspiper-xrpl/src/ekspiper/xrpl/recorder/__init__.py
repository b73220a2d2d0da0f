"""Makes recordings that the replay node can serve."""

from ._exchanges import ledger_exchange as ledger_exchange
from .recorder import recorder_pipeline as recorder_pipeline
from .server import record_lists as record_lists
from .server import record_server as record_server
from .server import record_state as record_state
from .streams import StreamRecorder as StreamRecorder
from .streams import record_streams as record_streams

__all__ = [
    "StreamRecorder",
    "ledger_exchange",
    "record_lists",
    "record_server",
    "record_state",
    "record_streams",
    "recorder_pipeline",
]
