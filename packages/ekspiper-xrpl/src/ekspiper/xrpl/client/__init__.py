"""Nodes of the XRP Ledger, as one pool."""

from .answer import Answer as Answer
from .answer import Cut as Cut
from .answer import Text as Text
from .definitions import network_definitions as network_definitions
from .errors import BadNodeUrl as BadNodeUrl
from .errors import ConnectionLost as ConnectionLost
from .errors import LedgerUnavailable as LedgerUnavailable
from .errors import NodeBusy as NodeBusy
from .errors import NodeUnreachable as NodeUnreachable
from .errors import RequestError as RequestError
from .errors import RequestTimeout as RequestTimeout
from .errors import UnreadableNode as UnreadableNode
from .errors import WrongNetwork as WrongNetwork
from .ledger_set import LedgerSet as LedgerSet
from .node_status import NodeState as NodeState
from .node_status import NodeStatus as NodeStatus
from .pool import NodePool as NodePool
from .subscription import Subscription as Subscription
from .subscription import SubscriptionOverrun as SubscriptionOverrun
from .url import check_url as check_url
from .url import redact as redact
from .window import bounds_for as bounds_for
from .window import is_public as is_public

__all__ = [
    "Answer",
    "BadNodeUrl",
    "ConnectionLost",
    "Cut",
    "LedgerSet",
    "LedgerUnavailable",
    "NodeBusy",
    "NodePool",
    "NodeState",
    "NodeStatus",
    "NodeUnreachable",
    "RequestError",
    "RequestTimeout",
    "Subscription",
    "SubscriptionOverrun",
    "Text",
    "UnreadableNode",
    "WrongNetwork",
    "bounds_for",
    "check_url",
    "is_public",
    "network_definitions",
    "redact",
]
