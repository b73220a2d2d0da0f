"""What a recording answers: one module for each family of commands, all functions of a view."""

from .commands import COMMANDS as COMMANDS
from .commands import answer as answer
from .commands import check_api_version as check_api_version
from .ledger_content import LedgerContent as LedgerContent
from .streams import closed_message as closed_message
from .streams import subscribe as subscribe
from .streams import transaction_messages as transaction_messages
from .streams import unsubscribe as unsubscribe
from .testimony import Heard as Heard
from .testimony import heard as heard
from .view import View as View

__all__ = [
    "COMMANDS",
    "Heard",
    "LedgerContent",
    "View",
    "answer",
    "check_api_version",
    "closed_message",
    "heard",
    "subscribe",
    "transaction_messages",
    "unsubscribe",
]
