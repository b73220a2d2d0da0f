"""Instruments on prometheus-client: what a scrape shows, what promtool and the docs say of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from ekspiper.core import METRICS, ConfigError, Instruments, Metric, MissingExtra
from ekspiper.sinks.metric._presets import PRESETS
from ekspiper.sinks.prometheus import PrometheusInstruments

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def fill(instruments: Instruments) -> None:
    for metric in METRICS.values():
        labels = {label: f"a {label}" for label in metric.labels}
        instruments.instrument(metric, **labels).record(2)


def shown(registry: CollectorRegistry) -> dict[str, str]:
    """Kind by name, as in the scrape, without prometheus-client's own `_created`."""
    text = generate_latest(registry).decode()
    found = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.MULTILINE))
    return {name: kind for name, kind in found.items() if not name.endswith("_created")}


def test_a_scrape_shows_every_metric_of_the_table(registry: CollectorRegistry) -> None:
    PrometheusInstruments(registry)
    assert shown(registry) == {metric.name: metric.kind for metric in METRICS.values()}


def test_values_arrive(registry: CollectorRegistry) -> None:
    instruments = PrometheusInstruments(registry)
    place = {"flow": "f", "collector": "c"}
    kept = instruments.instrument(METRICS["ekspiper_kept_items_total"], **place)
    kept.record(2)
    kept.record(3)
    lag = instruments.instrument(METRICS["ekspiper_source_lag_seconds"], flow="f")
    lag.record(9)
    lag.record(4)
    seconds = instruments.instrument(METRICS["ekspiper_collect_seconds"], **place)
    seconds.record(0.02)
    assert registry.get_sample_value("ekspiper_kept_items_total", place) == 5
    assert registry.get_sample_value("ekspiper_source_lag_seconds", {"flow": "f"}) == 4
    in_bucket = {**place, "le": "0.05"}
    assert registry.get_sample_value("ekspiper_collect_seconds_bucket", in_bucket) == 1
    assert registry.get_sample_value("ekspiper_collect_seconds_sum", place) == 0.02


def test_made_twice_both_count(registry: CollectorRegistry) -> None:
    for _ in range(2):
        fill(PrometheusInstruments(registry))
    assert registry.get_sample_value("ekspiper_checkpoints_total") == 4


def test_an_instrument_never_raises(registry: CollectorRegistry) -> None:
    instruments = PrometheusInstruments(registry)
    for metric in METRICS.values():
        instrument = instruments.instrument(metric, **dict.fromkeys(metric.labels, "x"))
        for value in (-1.0, float("nan"), float("inf")):
            instrument.record(value)


def test_other_labels_are_refused(registry: CollectorRegistry) -> None:
    with pytest.raises(ConfigError, match="ekspiper_queue_items has the labels queue, not flow"):
        PrometheusInstruments(registry).instrument(METRICS["ekspiper_queue_items"], flow="f")


def test_one_name_for_two_metrics_is_refused(registry: CollectorRegistry) -> None:
    instruments = PrometheusInstruments(registry)
    other = Metric("ekspiper_queue_items", "gauge", ("flow",), "items", "Something else")
    with pytest.raises(ConfigError, match="is there already, as a gauge with the labels queue"):
        instruments.instrument(other, flow="f")


def test_promtool_has_no_complaint(registry: CollectorRegistry) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    fill(PrometheusInstruments(registry))
    check = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True
    )
    assert check.stdout + check.stderr == b""
    assert check.returncode == 0


def test_the_docs_say_what_the_code_does() -> None:
    """`docs/metrics.md` has a row for each metric: name, kind, labels, unit."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|(?: (\w*) \|)?", DOCS.read_text(), re.M)
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows
    }
    core = {metric.name: (metric.kind, metric.labels) for metric in METRICS.values()}
    ready = {
        rule.name: (rule.kind, tuple(rule.labels)) for rules in PRESETS.values() for rule in rules
    }
    own = {
        "ekspiper_metric_passed_over_total": ("counter", ("metric",)),
        "ekspiper_metric_label_overflow_total": ("counter", ("metric", "label")),
    }
    # What the daemon adds is held against the page by the tests of the daemon.
    assert documented.items() >= {**core, **ready, **own}.items()
    units = {name: unit for name, _, _, unit in rows if name in METRICS}
    assert units == {metric.name: metric.unit for metric in METRICS.values()}


def test_the_scrape_is_well_formed(registry: CollectorRegistry) -> None:
    fill(PrometheusInstruments(registry))
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert {family.type for family in families} == {"counter", "gauge", "histogram"}


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", "text/plain"),
        ("text/html,*/*;q=0.8", "text/plain"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "openmetrics"),
    ],
)
def test_the_scraper_gets_the_format_that_it_asks_for(
    registry: CollectorRegistry, accept: str, format: str
) -> None:
    instruments = PrometheusInstruments(registry)
    fill(instruments)
    body, content_type = instruments.exposition(accept)
    assert format in content_type
    if format == "openmetrics":
        assert body.endswith(b"# EOF\n")
        list(openmetrics_families(body.decode()))
    else:
        list(text_string_to_metric_families(body.decode()))


def test_no_created_series_and_no_switch_of_the_process(registry: CollectorRegistry) -> None:
    instruments = PrometheusInstruments(registry)
    fill(instruments)
    assert b"_created" in generate_latest(registry)
    for accept in ("", "application/openmetrics-text;version=1.0.0"):
        assert b"_created" not in instruments.exposition(accept)[0]
        assert b"ekspiper_kept_items_total{" in instruments.exposition(accept)[0]


def test_without_the_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-sinks\[prometheus\]'"):
        PrometheusInstruments()
