"""What a run measures, as Prometheus metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ekspiper.core import METRICS, ConfigError, Instrument, MetricKind, MissingExtra
from ekspiper.core import Metric as Description

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics import MetricWrapperBase

__all__ = ["PrometheusInstruments", "WithoutCreated", "client", "registered"]


class PrometheusInstruments:
    """Implements `ekspiper.core.Instruments` on prometheus-client.

    Made twice on one registry, both count into the same metrics. All of `METRICS` are there from
    the start; `docs/metrics.md` describes them.

    Args:
        registry: a `prometheus_client.CollectorRegistry`; by default the global `REGISTRY`.

    Raises:
        MissingExtra: prometheus-client is not installed.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry: CollectorRegistry = registry or client().REGISTRY
        for metric in METRICS.values():
            self._registered(metric)

    def instrument(self, metric: Description, **labels: str) -> Instrument:
        """The instrument for one combination of labels; its series is shown from now on."""
        if set(labels) != set(metric.labels):
            raise ConfigError(
                f"the metric {metric.name} has the labels {_listed(metric.labels)}, "
                f"not {_listed(tuple(labels))}"
            )
        registered = self._registered(metric)
        series = registered.labels(**labels) if labels else registered
        return _INSTRUMENTS[metric.kind](series)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The whole registry as a scraper reads it, and its content type.

        Args:
            accept: the `Accept` header of the request; with `application/openmetrics-text` in it
                the format is OpenMetrics, otherwise the Prometheus text format.
        """
        encode, content_type = client().exposition.choose_encoder(accept)
        return encode(WithoutCreated(self.registry)), content_type

    def _registered(self, metric: Description) -> MetricWrapperBase:
        return registered(
            self.registry, metric.name, metric.kind, metric.help, metric.labels, metric.buckets
        )


class WithoutCreated:
    """A registry without the `_created` series, which are a quarter of all and hardly ever read.

    prometheus-client can leave them out by a switch of the whole process, which is not ours to
    throw.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Any]:
        """The families of the registry, one after the other."""
        for family in self._registry.collect():
            created = f"{family.name}_created"
            if any(sample.name == created for sample in family.samples):
                # A registry may hand out what it keeps, so this changes a copy.
                family = copy(family)
                family.samples = [each for each in family.samples if each.name != created]
            yield family


class _Counter:
    __slots__ = ("_add",)

    def __init__(self, series: Any) -> None:
        self._add = series.inc

    def record(self, value: float) -> None:
        if value >= 0:  # prometheus-client raises on less, and an instrument never does
            self._add(value)


class _Gauge:
    __slots__ = ("record",)

    def __init__(self, series: Any) -> None:
        self.record = series.set


class _Histogram:
    __slots__ = ("record",)

    def __init__(self, series: Any) -> None:
        self.record = series.observe


_INSTRUMENTS: dict[MetricKind, Callable[[Any], Instrument]] = {
    "counter": _Counter,
    "gauge": _Gauge,
    "histogram": _Histogram,
}

# prometheus-client refuses a second metric of one name, and cannot say what the first one is. Two
# runs in one program share theirs, so we remember. A registry that is gone takes its entry along.
_known: WeakKeyDictionary[CollectorRegistry, dict[str, tuple[Any, MetricWrapperBase]]]
_known = WeakKeyDictionary()
_lock = threading.Lock()


def client() -> Any:
    """The module `prometheus_client`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import prometheus_client
    except ImportError as error:
        raise MissingExtra(
            "Prometheus metrics need prometheus-client: pip install 'ekspiper-sinks[prometheus]'"
        ) from error
    return prometheus_client


def registered(
    registry: CollectorRegistry,
    name: str,
    kind: MetricKind,
    help: str,
    labels: Sequence[str] = (),
    buckets: Sequence[float] = (),
) -> MetricWrapperBase:
    """The metric of that name in a registry, made when it is not there yet.

    Raises:
        ConfigError: the registry has one of this name with another kind, or other labels.
    """
    shape = (kind, tuple(labels), tuple(buckets))
    with _lock:
        metrics = _known.setdefault(registry, {})
        if name not in metrics:
            metrics[name] = (shape, _made(registry, name, kind, help, labels, buckets))
        found, metric = metrics[name]
    if found != shape:
        raise ConfigError(
            f"the metric {name} is there already, as a {found[0]} with the labels "
            f"{_listed(found[1])}; give this one another name"
        )
    return metric


def _made(
    registry: CollectorRegistry,
    name: str,
    kind: MetricKind,
    help: str,
    labels: Sequence[str],
    buckets: Sequence[float],
) -> MetricWrapperBase:
    module = client()
    options: dict[str, Any] = {"labelnames": tuple(labels), "registry": registry}
    if buckets:
        options["buckets"] = tuple(buckets)
    maker = {"counter": module.Counter, "gauge": module.Gauge, "histogram": module.Histogram}[kind]
    try:
        made: MetricWrapperBase = maker(name, help, **options)
    except ValueError as error:
        raise ConfigError(f"the metric {name} cannot be made: {error}") from error
    return made


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "(none)"
