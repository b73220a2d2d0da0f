"""The nodes of a pool as metrics, by their URL without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from ekspiper.core import Instruments, Metric, MetricKind
from ekspiper.xrpl.client import NodeState, NodeStatus

__all__ = ["NODE_METRICS", "NodeMetrics"]

_BY_NODE = ("node",)


def _metric(name: str, kind: MetricKind, unit: str, help: str, labels: tuple[str, ...]) -> Metric:
    return Metric(f"ekspiper_node_{name}", kind, labels, unit, help)


STATE = _metric(
    "state",
    "gauge",
    "",
    "1 for the state that the node is in, 0 for the others",
    (*_BY_NODE, "state"),
)
LEDGER = _metric("ledger_index", "gauge", "index", "Newest ledger that the node holds", _BY_NODE)
LATENCY = _metric("latency_seconds", "gauge", "seconds", "Time an answer takes, smoothed", _BY_NODE)
IN_FLIGHT = _metric("in_flight", "gauge", "requests", "Requests sent and not answered", _BY_NODE)
REQUESTS = _metric("requests_total", "counter", "requests", "Requests sent to the node", _BY_NODE)
ERRORS = _metric(
    "errors_total", "counter", "errors", "Lost connections, refusals to serve and lies", _BY_NODE
)
RECONNECTS = _metric(
    "reconnects_total", "counter", "connections", "Connections made after the first", _BY_NODE
)

NODE_METRICS = (STATE, LEDGER, LATENCY, IN_FLIGHT, REQUESTS, ERRORS, RECONNECTS)


class NodeMetrics:
    """Publishes what a pool says of its nodes."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._counted: dict[tuple[str, str], int] = {}

    def publish(self, nodes: Sequence[NodeStatus]) -> None:
        """Set the gauges, and add to the counters what is new since the last time."""
        for node in nodes:
            for state in get_args(NodeState):
                series = self._instruments.instrument(STATE, node=node.url, state=state)
                # All states, so that the series of the old one goes back to 0.
                series.record(node.state == state)
            self._set(LEDGER, node, node.ledgers.last)
            self._set(IN_FLIGHT, node, node.in_flight)
            if node.latency is not None:
                self._set(LATENCY, node, node.latency)
            self._count(REQUESTS, node, node.requests)
            self._count(ERRORS, node, node.errors)
            self._count(RECONNECTS, node, node.reconnects)

    def _set(self, metric: Metric, node: NodeStatus, value: float) -> None:
        self._instruments.instrument(metric, node=node.url).record(value)

    def _count(self, metric: Metric, node: NodeStatus, total: int) -> None:
        # The pool counts from its own beginning, and a counter of Prometheus is added to.
        before = self._counted.get((metric.name, node.url), 0)
        self._counted[metric.name, node.url] = total
        self._instruments.instrument(metric, node=node.url).record(total - before)
