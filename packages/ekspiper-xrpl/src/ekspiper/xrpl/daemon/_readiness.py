"""Whether the daemon follows the ledger and its sinks take what it gives them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ekspiper.core import Run
from ekspiper.xrpl.attestation import Notary
from ekspiper.xrpl.client import NodePool, NodeStatus

from ..ledger_watch import late_ledgers

__all__ = ["Readiness"]

# Ledgers that a node may be behind what another one gave us before the restart: about a minute.
_BEHIND = 20


class Readiness:
    """Collects the reasons why the daemon is not ready, as they are at this moment.

    Each reason is described in docs/guides/operate-the-daemon.md.

    Args:
        sink_patience: seconds that a collector may take for one batch.
        network_patience: seconds that may pass without a new ledger.
        clock: seconds that only grow.

    Attributes:
        pool: the nodes; None before the network is opened.
        run: what runs on them; None before it begins.
        notary: what proves ledgers by signatures; None where hashes suffice.
    """

    def __init__(
        self,
        *,
        sink_patience: float,
        network_patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink_patience = sink_patience
        self._network_patience = network_patience
        self._clock = clock
        self.pool: NodePool | None = None
        self.run: Run | None = None
        self.notary: Notary | None = None
        self._newest = 0
        # The patience begins now: a network that never moves is noticed too.
        self._moved = clock()

    def connecting(self, pool: NodePool) -> None:
        """The nodes that are being connected."""
        self.pool = pool

    def running(self, pool: NodePool, run: Run, notary: Notary | None = None) -> None:
        """The nodes, the run, and what proves ledgers by signatures, to judge by."""
        self.pool = pool
        self.run = run
        self.notary = notary

    @property
    def draining(self) -> bool:
        """Whether the run was told to stop."""
        return self.run is not None and self.run.draining

    def note_ledger(self, newest: int) -> None:
        """Note the newest ledger of the network; called about once a second."""
        if newest != self._newest:
            self._newest = newest
            self._moved = self._clock()

    def ahead_of_network(self) -> str:
        """What to say of a state that names a ledger which the network has not reached."""
        if self.run is None or self.pool is None:
            return ""
        newest = self.pool.newest_ledger
        sources = self.run.statistics().sources.values()
        kept = max((s.position for s in sources if isinstance(s.position, int)), default=0)
        if not newest or kept <= newest + _BEHIND:
            return ""
        return (
            f"the state is at ledger {kept}, and the newest of the network is {newest}: "
            "was the network reset? Then start with another folder"
        )

    def reasons(self) -> list[str]:
        """Every reason, in words; empty when the daemon is ready."""
        return list(self._reasons())

    def _reasons(self) -> Iterator[str]:
        nodes = self.pool.nodes() if self.pool is not None else []
        if self.run is None or self.pool is None:
            yield _why_starting(nodes)
            return
        # One node is enough; the others may be in maintenance.
        if not any(node.state == "ready" for node in nodes):
            yield f"no node is ready: {', '.join(map(_state, nodes))}"
        missing = self.pool.missing_ledgers
        if late := late_ledgers(missing):
            yield f"no node serves ledger {late}, for {max(missing.values()):.0f} s now"
        # A ledger that is waited for is the reason why nothing newer comes: not said twice.
        elif (still := self._clock() - self._moved) > self._network_patience:
            yield f"the network stands still: no ledger after {self._newest} for {still:.0f} s"
        if ahead := self.ahead_of_network():
            yield ahead
        if self.notary is not None and (problem := self.notary.problem()):
            yield f"signatures: {problem}"
        yield from self._reasons_of(self.run)

    def _reasons_of(self, run: Run) -> Iterator[str]:
        statistics = run.statistics()
        # A sink that is down fails wherever records go to it. That is said once.
        places: dict[tuple[str, str], list[str]] = {}
        for place, collector in statistics.collectors.items():
            if why := self._why_failing(collector.failing, collector.busy):
                places.setdefault((place.rpartition("/")[2], why), []).append(place)
        for (name, why), found in places.items():
            yield (
                f"{found[0]} {why}" if len(found) == 1 else f"{name} (at {len(found)} places) {why}"
            )
        for part, why in statistics.run_failing.items():
            yield f"{part} is failing: {why}"
        if run.draining:
            yield "draining"
        elif not statistics.collectors:
            yield "the collectors are being opened"
        elif not any(source.read for source in statistics.sources.values()):
            yield "no ledger has been read yet"

    def _why_failing(self, failing: str | None, busy: float) -> str:
        hangs = busy > self._sink_patience
        silence = f"has not acknowledged a batch for {busy:.0f} s" if hangs else ""
        if failing is None:
            return silence
        # The reason is that of the try before, and may have gone while this one hangs.
        since = f"; now it {silence}" if hangs else ""
        return f"is failing: {failing}{since}"


def _why_starting(nodes: list[NodeStatus]) -> str:
    if any(node.state == "ready" for node in nodes):
        return "a node is connected, and the run is about to begin"
    states = ", ".join(f"{node.url}: {node.problem or node.state}" for node in nodes)
    return f"no node is connected yet: {states}" if states else "no node is connected yet"


def _state(node: NodeStatus) -> str:
    # What went wrong before is not why a node that is being connected is not ready now.
    why = node.problem if node.state in ("down", "ejected", "refused") else ""
    return f"{node.url} is {node.state}" + (f" ({why})" if why else "")
