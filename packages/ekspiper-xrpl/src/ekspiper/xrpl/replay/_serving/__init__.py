"""How a node serves: what it answers, over WebSocket and over JSON-RPC, and when ledgers close."""

from .json_rpc import answer_post as answer_post
from .service import Service as Service
from .session import Session as Session

__all__ = ["Service", "Session", "answer_post"]
