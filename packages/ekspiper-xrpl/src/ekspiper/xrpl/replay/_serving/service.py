"""What a node answers and when its ledgers close, with the faults of a plan. Knows no sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ekspiper.core import ConfigError

from .._answers import Heard, View, answer, heard
from .._faults import ForgedChain, Injector, RateLimit, faulty_answer, faulty_testimony
from ..faults import Fault, FaultPlan
from ..recording import Recording
from .envelope import CLIO_WARNING
from .pacing import Pacer

__all__ = ["Service"]

_TOO_FAST = Fault("slowDown")


class Service:
    """Answers for one node; its arguments are those of `ReplayNode`.

    Args:
        announce: called for each ledger that closes.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        close_every: float | None,
        start_at: int | None,
        missing: Collection[int],
        plan: FaultPlan,
        latency: float,
        network_id: int | None,
        clio: bool,
        announce: Callable[[int], None],
    ) -> None:
        self.latency = latency or plan.latency
        if plan.forged_from is not None:
            recording = ForgedChain(recording, plan.forged_from)
        self._has_old_list = plan.has("oldList")
        if self._has_old_list and len(recording.lists_of()) < 2:
            raise ConfigError(
                f"fault oldList: {recording.name} needs two validator lists of one publisher, "
                "vl.json and an older one such as vl-1.json"
            )
        self.view = View(
            recording,
            released=None if close_every is None else (start_at or recording.first),
            missing=plan.missing.union(missing),
            network_id=network_id,
            clio=clio or plan.cannot_forward,
            forwards=not plan.cannot_forward,
            holds_back_manifests=plan.has("rotatedKey"),
        )
        self._injector = Injector(plan)
        self._rate = RateLimit(plan.rate)
        self._storm: tuple[Fault, float] | None = None
        self._pacer = Pacer(self.view, close_every=close_every, announce=announce)

    # Ledgers.

    async def run(self) -> None:
        """Close every ledger, each in its time."""
        await self._pacer.run()

    async def finished(self) -> None:
        """Return when every ledger is closed."""
        await self._pacer.finished.wait()

    def release(self, ledger_index: int) -> None:
        """Close every ledger up to this one that is not closed yet."""
        self._pacer.release(ledger_index)

    def note_subscriber(self) -> None:
        """A client subscribed: with `close_every=0` ledgers begin to close."""
        self._pacer.note_subscriber()

    # Answers.

    def answer(self, request: Mapping[str, Any], *, fault: Fault | None = None) -> bytes:
        """The `result` of a request, with a fault in it if there is one. Raises RpcError."""
        if request["command"] == "ledger":
            self._pacer.note_asked(request.get("ledger_index"))
        if fault is not None:
            return faulty_answer(self.view, request, fault, self.count)
        return answer(self.view, request)

    def beside(self, warning: str | None) -> dict[str, Any]:
        """What a response carries beside its result."""
        extra: dict[str, Any] = {} if warning is None else {"warning": warning}
        if self.view.clio:
            extra["warnings"] = [CLIO_WARNING]
        return extra

    def validator_list(self, publisher: str = "") -> bytes | None:
        """The list of a publisher as it was published; None when the recording has none."""
        lists = self.view.recording.lists_of(publisher)
        if not lists:
            return None
        return lists[0 if self._has_old_list else -1].data

    def heard(self, ledger_index: int) -> tuple[list[Heard], ...]:
        """What validators said before a ledger closed, and what came late; with faults."""
        parts = heard(self.view, ledger_index)
        fault = self._injector.for_validations(ledger_index)
        if fault is None:
            return parts
        self.count(fault)
        return faulty_testimony(fault, parts)

    # Faults.

    @property
    def injected(self) -> Counter[str]:
        """How often each kind of fault has struck."""
        return self._injector.injected

    def fault_for(self, request: Mapping[str, Any]) -> Fault | None:
        """The fault that strikes the answer to this request, if one does."""
        now = asyncio.get_running_loop().time()
        if not self._rate.allows(now):
            return _TOO_FAST
        if self._storm is not None and now < self._storm[1]:
            return self._storm[0]
        fault = self._injector.for_request(request, self.view)
        # A server that is overloaded refuses everybody for a while, not one request.
        if fault is not None and fault.kind in ("slowDown", "tooBusy") and fault.size:
            self._storm = (fault, now + fault.size)
        return fault

    def fault_in_stream(self, ledger_index: int) -> Fault | None:
        """The fault that strikes the messages about a ledger, if one does; counted."""
        fault = self._injector.for_stream(ledger_index)
        if fault is not None:
            self.count(fault)
        return fault

    def count(self, fault: Fault) -> None:
        """A fault was carried out."""
        self._injector.count(fault)
