"""The daemon: follows the ledger, runs the flows, and answers over HTTP how it is doing."""

from .daemon import Daemon as Daemon
from .daemon import Outcome as Outcome
from .dead_letters import dead_letter_file as dead_letter_file
from .progress import Progress as Progress
from .redelivery import redeliver as redeliver
from .summary import summary as summary

__all__ = ["Daemon", "Outcome", "Progress", "dead_letter_file", "redeliver", "summary"]
