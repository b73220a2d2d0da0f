"""Whether the daemon follows the ledger and its sinks take what it gives them."""

from __future__ import annotations

from ekspiper.core import Run

from ..client.node_status import NodeStatus
from ..client.pool import NodePool
from ..ledger_watch import late_ledgers

__all__ = ["Readiness"]


class Readiness:
    """Collects the reasons why the daemon is not ready."""

    def __init__(self) -> None:
        self._pool: NodePool | None = None
        self._run: Run | None = None

    def connecting(self, pool: NodePool) -> None:
        """The nodes that are to be connected."""
        self._pool = pool

    def running(self, pool: NodePool, run: Run) -> None:
        """The nodes and the run to judge by."""
        self._pool = pool
        self._run = run

    def reasons(self) -> list[str]:
        """Every reason, in words; empty when the daemon is ready."""
        if self._pool is None or self._run is None:
            return [self._why_unconnected()]
        nodes = self._pool.nodes()
        found = []
        if not any(node.state == "ready" for node in nodes):
            states = ", ".join(_state(node) for node in nodes)
            found.append(f"no node is ready: {states}")
        missing = self._pool.missing_ledgers
        if late := late_ledgers(missing):
            found.append(f"no node serves ledger {late}, for {max(missing.values()):.0f} s now")
        statistics = self._run.statistics()
        for place, collector in statistics.collectors.items():
            if collector.failing is not None:
                found.append(f"{place} is failing: {collector.failing}")
        if self._run.draining:
            found.append("draining")
        elif not any(source.read for source in statistics.sources.values()):
            found.append("no ledger has been read yet")
        return found

    def _why_unconnected(self) -> str:
        nodes = self._pool.nodes() if self._pool is not None else []
        told = ", ".join(f"{node.url}: {node.problem or node.state}" for node in nodes)
        return f"no node is connected yet: {told}" if told else "no node is connected yet"


def _state(node: NodeStatus) -> str:
    return f"{node.url} is {node.state}" + (f" ({node.problem})" if node.problem else "")
