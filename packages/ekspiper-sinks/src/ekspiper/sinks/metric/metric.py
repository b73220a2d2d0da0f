"""The collector that counts records."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ekspiper.core import BatchError, Collector, ConfigError, MetricKind, Permanent, Secret

from ..prometheus import client, registered
from ._gateway import Gateway
from ._presets import PRESETS, preset_of
from ._rule_reader import Reading, RuleReader
from ._series import GaugeSeries, Series
from .metric_rule import MetricRule, rule_of

__all__ = ["Metric"]


class Metric(Collector[Any]):
    """Counts records in Prometheus metrics: a preset, rules of your own, or both.

    Kept means counted: counters live in this process and start at 0 with it. A record that
    cannot be counted changes no metric; one that lacks the field of a rule's value is passed
    over by that rule, and `ekspiper_metric_passed_over_total` counts it.

    Args:
        records: the preset that is counted. Without it and without rules, each record is
            counted by the preset that its fields belong to.
        rules: `MetricRule`s, or tables of its arguments as they stand in a configuration.
        registry: a `prometheus_client.CollectorRegistry`; by default the global `REGISTRY`.
        max_label_values: values that a label may have before further ones become `other`, which
            `ekspiper_metric_label_overflow_total` counts. A gauge keeps the series that move most.
        push_gateway: URL of a Pushgateway that gets the whole registry at the end and on
            `flush()`, for batch jobs that nobody scrapes. Where it asks for a user:
            `https://USER:PASSWORD@HOST:PORT`.
        job: the job under which it is pushed.

    Raises:
        ConfigError: a rule that cannot work.
        MissingExtra: prometheus-client is not installed.
    """

    def __init__(
        self,
        records: Literal["transactions", "ledgers", "book_offers"] | None = None,
        *,
        rules: Sequence[MetricRule | dict[str, Any]] = (),
        registry: Any = None,
        max_label_values: int = 100,
        push_gateway: Secret | str | None = None,
        job: str = "ekspiper",
    ) -> None:
        if records is not None and records not in PRESETS:
            raise ConfigError(f"no preset for {records!r}; known: {', '.join(PRESETS)}")
        if max_label_values < 1:
            raise ConfigError(f"max_label_values must be at least 1, not {max_label_values}")
        self.registry = registry if registry is not None else client().REGISTRY
        if not hasattr(self.registry, "register"):
            raise ConfigError(
                f"registry is a prometheus_client.CollectorRegistry, not {registry!r}"
            )
        self._max_label_values = max_label_values
        self._gateway = None if push_gateway is None else Gateway(push_gateway)
        self._job = job
        self._changed = False
        own = [rule_of(each, place) for place, each in enumerate(rules, start=1)]
        _refuse_twins(own)
        common = [*(PRESETS[records] if records else ()), *own]
        self._common = [self._reader(rule) for rule in common]
        self._by_kind: dict[str | None, list[RuleReader]] = {}
        # Without words, each record is counted by what it is, so one collector takes all kinds.
        if not common:
            self._by_kind = {k: [self._reader(rule) for rule in PRESETS[k]] for k in PRESETS}

    async def collect(self, batch: Sequence[Any]) -> None:
        """Count a batch.

        Raises:
            BatchError: these members cannot be counted; the others were.
        """
        failures: dict[int, Exception] = {}
        for place, record in enumerate(batch):
            # All of a record is read before any of it is counted: a record that fails half-way
            # must not leave half of itself in the metrics.
            try:
                readings = self._read(record)
            except Permanent as error:
                failures[place] = error
                continue
            for series, labels, value in readings:
                if value is None:
                    series.remove(labels)
                else:
                    series.record(labels, value)
        self._changed = self._changed or bool(batch)
        if failures:
            raise BatchError(failures)

    async def flush(self) -> None:
        """Push the registry to the Pushgateway, where there is one.

        Raises:
            Retryable: the gateway cannot be reached, or refuses.
        """
        if self._gateway is not None:
            await asyncio.to_thread(self._gateway.push, self.registry, job=self._job)
        self._changed = False

    async def close(self) -> None:
        """Push once more, where something was counted since the last push.

        Raises:
            Retryable: the gateway cannot be reached; closing again tries again.
        """
        if self._changed:
            await self.flush()

    def _read(self, record: Any) -> list[Reading]:
        if not isinstance(record, Mapping):
            raise Permanent(f"metrics count records, and this is {type(record).__name__}")
        readers = self._common
        if self._by_kind:
            kind = preset_of(record)
            if kind is None:
                raise Permanent(
                    "no preset for a record with the fields "
                    f"{', '.join(map(str, list(record)[:8]))}; give rules of your own"
                )
            readers = self._by_kind[kind]
        readings = []
        for reader in readers:
            reading = reader.read(record)
            if reading is not None:
                readings.append(reading)
        return readings

    def _reader(self, rule: MetricRule) -> RuleReader:
        labels = tuple(rule.labels)
        metric = registered(
            self.registry, rule.name, rule.kind, rule.help or rule.name, labels, rule.buckets
        )
        overflow = self._own(
            "label_overflow", "Label values that became `other`", "metric", "label"
        )
        passed_over = self._own("passed_over", "Records without the field of a metric", "metric")
        kind_of_series = GaugeSeries if rule.kind == "gauge" else Series
        series = kind_of_series(
            metric,
            rule.kind,
            labels,
            max_label_values=self._max_label_values,
            overflow=lambda label: overflow.labels(rule.name, label).inc(),
        )
        return RuleReader(rule, series, passed_over=lambda: passed_over.labels(rule.name).inc())

    def _own(self, name: str, help: str, *labels: str) -> Any:
        kind: MetricKind = "counter"
        return registered(self.registry, f"ekspiper_metric_{name}_total", kind, help, labels)


def _refuse_twins(rules: list[MetricRule]) -> None:
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two metric rules are called {name!r}; give each its own name")
