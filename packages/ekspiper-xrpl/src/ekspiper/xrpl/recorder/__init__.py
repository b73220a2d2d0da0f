"""Makes recordings that the replay node can serve."""

from ._exchanges import ledger_exchange as ledger_exchange
from .recorder import recorder_pipeline as recorder_pipeline
from .server import record_server as record_server
from .server import record_state as record_state

__all__ = ["ledger_exchange", "record_server", "record_state", "recorder_pipeline"]
