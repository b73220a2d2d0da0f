"""The daemon: follows the ledger, runs the flows, and answers over HTTP how it stands."""

from .daemon import Daemon as Daemon
from .daemon import Outcome as Outcome
