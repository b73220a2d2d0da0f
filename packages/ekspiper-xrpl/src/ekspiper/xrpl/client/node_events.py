"""What a node tells its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .call import Call

if TYPE_CHECKING:
    from .node import Node

__all__ = ["NodeEvents"]


class NodeEvents(Protocol):
    """The pool as a node sees it. Called from the socket's callback: must not block."""

    def admit(self, node: Node, network_id: int | None) -> None:
        """It belongs to this network, None where it does not say; raises `WrongNetwork`."""

    def unreadable(self, node: Node) -> None:
        """What it says of itself cannot be read: it is left alone for a while."""

    def ready(self, node: Node) -> None:
        """It can take requests."""

    def lost(self, node: Node, calls: list[Call]) -> None:
        """Its connection is gone, with these requests unanswered."""

    def answered(self, node: Node, call: Call, response: dict[str, Any]) -> None:
        """A response came."""

    def streamed(self, node: Node, message: dict[str, Any]) -> None:
        """A message of a subscription came."""

    def subscription(self) -> dict[str, Any] | None:
        """The `subscribe` request that a new connection sends; None for none."""
