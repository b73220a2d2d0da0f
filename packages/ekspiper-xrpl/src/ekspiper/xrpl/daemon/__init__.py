"""The daemon: follows the ledger, runs the flows, and answers over HTTP how it is doing."""

from .daemon import Daemon as Daemon
from .daemon import Outcome as Outcome
from .daemon import Watching as Watching
from .dead_letters import dead_letter_file as dead_letter_file
from .redelivery import redeliver as redeliver
from .summary import summary as summary
from .summary import summary_as_json as summary_as_json

__all__ = [
    "Daemon",
    "Outcome",
    "Watching",
    "dead_letter_file",
    "redeliver",
    "summary",
    "summary_as_json",
]
