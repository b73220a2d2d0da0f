"""What a faulty node does instead of answering a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from .faults import Fault

if TYPE_CHECKING:
    from .session import Session

__all__ = ["GARBAGE", "misbehave"]

GARBAGE = b'{"id":17,"result":{"ledger":{"closed":tr'
"""What is no JSON."""


async def misbehave(session: Session, request: dict[str, Any], fault: Fault) -> None:
    """Carry out a fault on a WebSocket; what is wrong with the answer itself is made elsewhere."""
    act = _ACTS.get(fault.kind)
    if act is None:
        await session.send_later(session.answer(request, fault=fault), session.node.latency)
        return
    session.node.count(fault)
    await act(session, request, fault)


async def _disconnect(session: Session, request: dict[str, Any], fault: Fault) -> None:
    payload = session.answer(request)
    transport = session.transport
    if transport is not None:
        transport.write(_frame_head(len(payload)) + payload[: len(payload) // 2])
        transport.close()


async def _hang(session: Session, request: dict[str, Any], fault: Fault) -> None:
    session.is_hanging = True


async def _no_answer(session: Session, request: dict[str, Any], fault: Fault) -> None:
    return


async def _slow(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.send_later(session.answer(request), fault.size + session.node.latency)


async def _garbage(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.send(GARBAGE)


async def _huge_frame(session: Session, request: dict[str, Any], fault: Fault) -> None:
    # Spaces are allowed around JSON, so the answer is right, only large.
    await session.send(session.answer(request).ljust(int(fault.size)))


async def _load_warning(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.send_later(session.answer(request, warning="load"), session.node.latency)


async def _close_1008(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.socket.close(code=1008, message=b"threshold exceeded")


async def _down(session: Session, request: dict[str, Any], fault: Fault) -> None:
    await session.node.go_down(fault.size)


_ACTS: Mapping[str, Callable[[Session, dict[str, Any], Fault], Awaitable[None]]] = {
    "disconnect": _disconnect,
    "hang": _hang,
    "noAnswer": _no_answer,
    "slow": _slow,
    "garbage": _garbage,
    "hugeFrame": _huge_frame,
    "loadWarning": _load_warning,
    "close1008": _close_1008,
    "down": _down,
}


def _frame_head(size: int) -> bytes:
    """The head of an unmasked text frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2)
    return b"\x81\x7f" + size.to_bytes(8)
