"""What a run shows to the outside: a table of metrics, and the protocols for metrics and spans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from .errors import MissingExtra

__all__ = [
    "METRICS",
    "Instrument",
    "Instruments",
    "Metric",
    "MetricKind",
    "NoInstruments",
    "NoTracer",
    "OpenTelemetryTracer",
    "Tracer",
]

MetricKind: TypeAlias = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name as Prometheus shows it, kind, labels, unit and meaning."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    unit: str
    help: str
    buckets: tuple[float, ...] = ()


class Instrument(Protocol):
    """One metric with its labels filled in. Cheap to call; never raises, never blocks."""

    def record(self, value: float) -> None:
        """Counter: add. Gauge: set. Histogram: observe."""


class Instruments(Protocol):
    """Receives what a run measures. The Prometheus implementation is in ekspiper-sinks."""

    def instrument(self, metric: Metric, **labels: str) -> Instrument:
        """The instrument for one combination of labels. Called when a run starts."""
        ...


class _Nothing:
    def record(self, value: float) -> None:
        pass


class NoInstruments:
    """Measures nothing: the default."""

    def instrument(self, metric: Metric, **labels: str) -> Instrument:
        """An instrument that forgets what it is given."""
        return _Nothing()


class Tracer(Protocol):
    """Opens a span around each call."""

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """A span named `name`, for example `process`; the runner enters and leaves it."""
        ...


class NoTracer:
    """Opens no spans: the default."""

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """A context that does nothing."""
        return nullcontext()


class OpenTelemetryTracer:
    """Spans of OpenTelemetry, whose SDK the application sets up.

    Raises:
        MissingExtra: opentelemetry-api is not installed.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise MissingExtra(
                "tracing needs opentelemetry-api: pip install 'ekspiper-core[tracing]'"
            ) from error
        self._tracer = trace.get_tracer("ekspiper")

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """A span with the attributes `ekspiper.<key>`; an exception marks it as failed."""
        named = {f"ekspiper.{key}": value for key, value in attributes.items() if value is not None}
        return self._tracer.start_as_current_span(f"ekspiper.{name}", attributes=named)


_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
_COUNTS = (1, 10, 50, 100, 500, 1000, 5000)


def _table() -> Iterator[Metric]:
    # Long, but one list: what a run measures is here, and nowhere else.
    step = ("flow", "step")
    place = ("flow", "collector")
    blame = ("flow", "step", "collector")  # the collector is empty where the processor is meant
    yield Metric("ekspiper_items_in_total", "counter", step, "items", "Items a step took in")
    yield Metric("ekspiper_items_out_total", "counter", step, "items", "Outputs a step handed on")
    yield Metric("ekspiper_bytes_in_total", "counter", step, "bytes", "Bytes a step took in")
    yield Metric(
        "ekspiper_bytes_out_total", "counter", step, "bytes", "Bytes of outputs a step handed on"
    )
    yield Metric("ekspiper_source_items_total", "counter", ("flow",), "items", "Items read")
    yield Metric(
        "ekspiper_source_lag_seconds", "gauge", ("flow",), "seconds", "Age of the newest item read"
    )
    yield Metric(
        "ekspiper_kept_items_total", "counter", place, "items", "Items a collector has kept"
    )
    yield Metric(
        "ekspiper_kept_bytes_total", "counter", place, "bytes", "Bytes a collector has kept"
    )
    yield Metric(
        "ekspiper_errors_total",
        "counter",
        (*blame, "kind"),
        "errors",
        "Errors by kind: retryable, throttled, permanent",
    )
    yield Metric(
        "ekspiper_retries_total", "counter", blame, "retries", "Calls that were tried again"
    )
    yield Metric(
        "ekspiper_dead_letters_total",
        "counter",
        blame,
        "items",
        "Items that went to the dead letters",
    )
    yield Metric("ekspiper_dropped_total", "counter", blame, "items", "Items dropped on error")
    yield Metric(
        "ekspiper_kept_lag_seconds",
        "gauge",
        blame,
        "seconds",
        "Age of the newest item that a collector has kept completely",
    )
    yield Metric(
        "ekspiper_collector_failing",
        "gauge",
        blame,
        "",
        "1 while a collector is tried again or does not answer, otherwise 0",
    )
    yield Metric(
        "ekspiper_collector_busy_seconds",
        "gauge",
        blame,
        "seconds",
        "Time since a collector was given the batch that it has not answered for; 0 between batches",
    )
    yield Metric("ekspiper_queue_items", "gauge", ("queue",), "items", "Items waiting in a queue")
    yield Metric(
        "ekspiper_queue_items_limit", "gauge", ("queue",), "items", "Items a queue holds at most"
    )
    yield Metric("ekspiper_queue_bytes", "gauge", ("queue",), "bytes", "Bytes waiting in a queue")
    yield Metric(
        "ekspiper_queue_bytes_limit", "gauge", ("queue",), "bytes", "Bytes a queue holds at most"
    )
    yield Metric(
        "ekspiper_batch_items",
        "histogram",
        (*place, "trigger"),
        "items",
        "Batch sizes by trigger: count, bytes, period, barrier, end",
        _COUNTS,
    )
    yield Metric(
        "ekspiper_collect_seconds",
        "histogram",
        place,
        "seconds",
        "Time a collector took for a batch",
        _SECONDS,
    )
    yield Metric(
        "ekspiper_head_of_line_seconds_total",
        "counter",
        step,
        "seconds",
        "Time finished items waited for an earlier one",
    )
    yield Metric(
        "ekspiper_receipt_seconds",
        "histogram",
        ("flow",),
        "seconds",
        "Time from reading an item to all of it kept",
        _SECONDS,
    )
    yield Metric(
        "ekspiper_open_receipts", "gauge", ("flow",), "items", "Items read and not yet settled"
    )
    yield Metric(
        "ekspiper_checkpoint_position",
        "gauge",
        ("flow",),
        "position",
        "Position up to which everything is kept, where it is a number",
    )
    yield Metric("ekspiper_checkpoints_total", "counter", (), "checkpoints", "Checkpoints written")


METRICS: dict[str, Metric] = {metric.name: metric for metric in _table()}
"""Every metric of a run, by name. `docs/metrics.md` describes them."""
