"""What the client raises.

::

    EkspiperError
    ├── Retryable
    │   ├── NodeUnreachable    no node could be reached, or the one that holds the ledger is down
    │   ├── ConnectionLost     the connection went while a request that must not be repeated was open
    │   ├── RequestTimeout     no node answered in time, after several attempts
    │   └── Throttled
    │       └── NodeBusy       every node asked to slow down for too long
    ├── Permanent
    │   ├── RequestError       the server refused the request; carries its error code
    │   └── LedgerUnavailable  no node holds the ledger; says what each node holds
    └── ConfigError
        ├── BadNodeUrl         not a ws:// or wss:// URL
        ├── UnreadableNode     what a node says of itself in server_info cannot be read
        └── WrongNetwork       the nodes belong to another network than the one asked for
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.core import ConfigError, Permanent, Retryable, Throttled

__all__ = [
    "BadNodeUrl",
    "ConnectionLost",
    "LedgerUnavailable",
    "NodeBusy",
    "NodeUnreachable",
    "RequestError",
    "RequestTimeout",
    "UnreadableNode",
    "WrongNetwork",
]


class NodeUnreachable(Retryable):
    """No node could be reached; the message gives the reason of each."""


class ConnectionLost(Retryable):
    """The connection went while a request was open that must not be sent twice."""


class RequestTimeout(Retryable):
    """No node answered in time, after several attempts."""


class NodeBusy(Throttled):
    """The nodes kept asking to slow down; `delay` is in seconds."""


class RequestError(Permanent):
    """The server refused a request.

    Args:
        error: the server's error code, for example `badMarket`.
        error_message: its explanation, or an empty string.
        request: the request, as it was sent.
        node: who answered.
    """

    def __init__(
        self, error: str, error_message: str, request: Mapping[str, Any], *, node: str = ""
    ) -> None:
        command = request.get("command", "request")
        where = f" by {node}" if node else ""
        detail = f": {error_message}" if error_message else ""
        super().__init__(f"{command} refused{where}: {error}{detail}")
        self.error = error
        self.error_message = error_message
        self.request = dict(request)
        self.node = node


class LedgerUnavailable(Permanent):
    """No node holds the ledger; the message says what each node holds."""

    def __init__(self, message: str, *, ledger_index: int) -> None:
        super().__init__(message)
        self.ledger_index = ledger_index


class BadNodeUrl(ConfigError):
    """What was given as a node is not a `ws://` or `wss://` URL."""


class UnreadableNode(ConfigError):
    """A node's `server_info` cannot be read; the message says what is wrong with it."""


class WrongNetwork(ConfigError):
    """The nodes belong to another network than the one asked for."""
