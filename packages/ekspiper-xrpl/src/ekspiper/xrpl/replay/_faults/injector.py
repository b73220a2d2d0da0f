"""Decides, occasion by occasion, whether a fault of the plan strikes, or the rate is exceeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from .._answers import View
from ..faults import Fault, FaultPlan, Occasion

__all__ = ["FORWARDED", "Injector", "RateLimit", "Target", "target_of"]

FORWARDED = frozenset({"fee", "manifest", "server_definitions", "server_state"})
"""What Clio does not answer itself, as far as this node answers it."""

Target = tuple[str, int | None]
"""What is asked for, and the ledger that it is about."""


class Injector:
    """Draws from a plan, and counts.

    Attributes:
        injected: how often each kind has struck.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self.injected: Counter[str] = Counter()
        self._plan = plan
        self._struck: Counter[tuple[Fault, str]] = Counter()
        self._drawn: Counter[tuple[Fault, str]] = Counter()
        self._occasions: Counter[Fault] = Counter()

    def for_request(self, request: Mapping[str, Any], view: View) -> Fault | None:
        """The fault that strikes the answer to a request, if one does."""
        if not self._plan.faults:
            return None
        occasions: list[Occasion] = ["answer"]
        command = request.get("command")
        if command in FORWARDED:
            occasions.append("forwarded")
        if command == "ledger":
            occasions.append("ledger")
        if command == "ledger_data":
            occasions += ["state", "page"] if "marker" in request else ["state"]
        return self._draw(occasions, target_of(request, view))

    def for_stream(self, ledger_index: int) -> Fault | None:
        """The fault that strikes the messages about a ledger, if one does."""
        return self._draw(["stream"], ("stream", ledger_index))

    def for_validations(self, ledger_index: int) -> Fault | None:
        """The fault that strikes the validations of a ledger, if one does."""
        return self._draw(["validations"], ("validations", ledger_index))

    def count(self, fault: Fault) -> None:
        """A fault was carried out."""
        self.injected[fault.kind] += 1

    def _draw(self, occasions: list[Occasion], target: Target) -> Fault | None:
        name = f"{target[0]} {target[1]}"
        # The order of the plan decides: a second fault on the same answer would hide the first.
        for fault in self._plan.at(occasions):
            self._occasions[fault] += 1
            if not fault.is_at(target[1], self._occasions[fault]):
                continue
            key = (fault, name)
            if fault.most_times and self._struck[key] >= fault.most_times:
                continue
            self._drawn[key] += 1
            if self._chance(f"{fault.kind} {name} {self._drawn[key]}") < fault.probability:
                # Counted when drawn, and not when carried out: requests run side by side.
                self._struck[key] += 1
                return fault
        return None

    def _chance(self, what: str) -> float:
        # A hash instead of a generator: the draw does not depend on what was asked before.
        digest = blake2b(f"{self._plan.seed} {what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64


def target_of(request: Mapping[str, Any], view: View) -> Target:
    """What a request is about: the command, the page or book if any, and the ledger."""
    ledger = request.get("ledger_index")
    if isinstance(ledger, str) and ledger.isdigit():
        ledger = int(ledger)
    elif ledger in ("validated", "closed"):
        ledger = min(view.released, view.recording.last)
    elif isinstance(name := request.get("ledger_hash"), str):
        ledger = view.recording.by_hash.get(name.upper())
    parts = [str(request.get("command")), *(str(request[k]) for k in _DETAILS if k in request)]
    return " ".join(parts), ledger if isinstance(ledger, int) else None


_DETAILS = ("marker", "taker_gets", "taker_pays", "amm_account", "transaction", "index")


class RateLimit:
    """A bucket of tokens: one second's worth may be used at once.

    Args:
        rate: requests a second; 0: no limit.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._filled: float | None = None

    def allows(self, now: float) -> bool:
        """Whether a request at this time (seconds of any clock) is answered; counts it if so."""
        if not self._rate:
            return True
        # The bucket is full at the first request.
        since = 0.0 if self._filled is None else now - self._filled
        self._filled = now
        self._tokens = min(self._rate, self._tokens + since * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
