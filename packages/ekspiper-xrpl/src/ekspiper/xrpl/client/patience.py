"""How long the pool waits, and for what."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds.

    Attributes:
        request: a node that sits on a request for this long has lost it: five ledgers close
            meanwhile, and a loaded server answers within seconds. It is connected to again.
        hedge: a request that takes this long, and much longer than usual on that node, is also
            sent to another one.
        latest_hedge: and so it is after this, however slow that node usually is.
        ledger: how long to wait for a ledger that no ready node serves. One that has just closed
            is everywhere within a few seconds.
        answer: how long to wait for a node that can answer what needs no ledger.
        overload: how long nodes may refuse a request for load. Servers forget load within half a
            minute; one that refuses for four times as long serves others first.
        avoid: how long to spare the nodes that a request is to avoid while all others refuse it.
    """

    request: float = 20.0
    hedge: float = 1.0
    latest_hedge: float = 5.0
    ledger: float = 10.0
    answer: float = 10.0
    overload: float = 120.0
    avoid: float = 20.0
