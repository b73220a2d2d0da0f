"""The Grafana dashboards as code: `hatch run dev:dashboards` writes them as JSON beside this file.

A dashboard is rows of panels, and a panel is a title, a unit and its queries; grafana-foundation-sdk
turns that into what Grafana reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

__all__ = ["DASHBOARDS", "Graph", "Number", "Query", "Row", "queries", "written"]

HERE = Path(__file__).resolve().parent

Unit = Literal["short", "s", "bytes", "Bps", "reqps", "percentunit", "locale", "none"]

SIGNATURES = "a network whose validators are trusted"

WIDTH = 24
"""Of a dashboard, in Grafana's units."""

SELECTED = 'job=~"$job", instance=~"$instance"'
"""What every query is narrowed to: `S` in the expressions below."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression; `S` in braces stands for the chosen daemons.

    Attributes:
        legend: the name of each series, with labels in double braces.
        needs: what a clean run lacks for it to have an answer; empty where it always has one.
    """

    expression: str
    legend: str = ""
    needs: str = ""

    @property
    def full(self) -> str:
        """The expression as Grafana sends it."""
        return self.expression.replace("{S", "{" + SELECTED)


@dataclass(frozen=True, slots=True)
class Graph:
    """Lines over time."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    description: str = ""
    stacked: bool = False
    width: int = 8


@dataclass(frozen=True, slots=True)
class Number:
    """One number: green, or red from `bad` on; below it where `bad_below` is set."""

    title: str
    unit: Unit
    query: Query
    bad: float | None = None
    bad_below: float | None = None
    description: str = ""
    width: int = 4


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside and below each other under a title."""

    title: str
    panels: tuple[Graph | Number, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...] = field(default_factory=tuple)


FEED = Board(
    "ekspiper-feed",
    "ekspiper: feed",
    "Does the feed keep up, and if not, what holds it up?",
    (
        Row(
            "At a glance",
            (
                Number("Ready", "none", Query("min(ekspiper_ready{S})"), bad_below=1),
                Number(
                    "Behind the network",
                    "s",
                    Query("max(ekspiper_kept_lag_seconds{S})"),
                    bad=120,
                    description="Age of the newest ledger that every collector has kept.",
                ),
                Number(
                    "Newest ledger kept",
                    "locale",
                    Query("max(ekspiper_checkpoint_position{S})"),
                ),
                Number(
                    "Transactions a second",
                    "short",
                    Query(
                        'sum(rate(ekspiper_items_out_total{S, step="etl"}[$__rate_interval]))',
                    ),
                ),
                Number(
                    "Nodes ready",
                    "none",
                    Query('sum(ekspiper_node_state{S, state="ready"})'),
                    bad_below=1,
                ),
                Number(
                    "Dead letters in a day",
                    "locale",
                    Query("sum(increase(ekspiper_dead_letters_total{S}[24h]))"),
                    bad=1,
                ),
            ),
        ),
        Row(
            "Lag",
            (
                Graph(
                    "Age of what was read",
                    "s",
                    (Query("ekspiper_source_lag_seconds{S}", "{{instance}}"),),
                    "While a sink is down this says nothing: look at what was kept.",
                    width=12,
                ),
                Graph(
                    "Age of what is kept",
                    "s",
                    (Query("ekspiper_kept_lag_seconds{S}", "{{flow}} {{collector}}"),),
                    width=12,
                ),
            ),
        ),
        Row(
            "Throughput",
            (
                Graph(
                    "Records kept a second",
                    "short",
                    (
                        Query(
                            "sum by (flow, collector) "
                            "(rate(ekspiper_kept_items_total{S}[$__rate_interval]))",
                            "{{flow}} {{collector}}",
                        ),
                    ),
                ),
                Graph(
                    "Bytes kept a second",
                    "Bps",
                    (
                        Query(
                            "sum by (flow, collector) "
                            "(rate(ekspiper_kept_bytes_total{S}[$__rate_interval]))",
                            "{{flow}} {{collector}}",
                        ),
                    ),
                ),
                Graph(
                    "Ledgers read a second",
                    "short",
                    (
                        Query(
                            "rate(ekspiper_source_items_total{S}[$__rate_interval])",
                            "{{instance}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Queues",
            (
                Graph(
                    "How full the queues are",
                    "percentunit",
                    (
                        Query(
                            "ekspiper_queue_items{S} / ekspiper_queue_items_limit{S}",
                            "{{queue}}",
                        ),
                    ),
                    "A full queue is in front of the slow part.",
                ),
                Graph(
                    "Ledgers read and not yet kept",
                    "short",
                    (Query("ekspiper_open_receipts{S}", "{{flow}}"),),
                ),
                Graph(
                    "From reading a ledger to all of it kept (95 of 100)",
                    "s",
                    (
                        Query(
                            "histogram_quantile(0.95, sum by (le, flow) "
                            "(rate(ekspiper_receipt_seconds_bucket{S}[$__rate_interval])))",
                            "{{flow}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Sinks",
            (
                Graph(
                    "Time of a batch (95 of 100)",
                    "s",
                    (
                        Query(
                            "histogram_quantile(0.95, sum by (le, flow, collector) "
                            "(rate(ekspiper_collect_seconds_bucket{S}[$__rate_interval])))",
                            "{{flow}} {{collector}}",
                        ),
                    ),
                ),
                Graph(
                    "Failing, or without an answer",
                    "s",
                    (
                        Query("ekspiper_collector_failing{S}", "{{flow}} {{collector}} fails"),
                        Query("ekspiper_collector_busy_seconds{S}", "{{flow}} {{collector}} waits"),
                    ),
                    "1 while a collector fails; seconds since the batch that it has not answered for.",
                ),
                Graph(
                    "Errors and retries a second",
                    "short",
                    (
                        Query(
                            "sum by (flow, step, collector, kind) "
                            "(rate(ekspiper_errors_total{S}[$__rate_interval]))",
                            "{{kind}} {{step}} {{collector}}",
                        ),
                        Query(
                            "sum by (flow, step, collector) "
                            "(rate(ekspiper_retries_total{S}[$__rate_interval]))",
                            "tried again {{step}} {{collector}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Nodes",
            (
                Graph(
                    "Ready",
                    "none",
                    (Query('ekspiper_node_state{S, state="ready"}', "{{node}}"),),
                ),
                Graph(
                    "Ledgers behind the newest node",
                    "short",
                    (
                        Query(
                            "scalar(max(ekspiper_node_ledger_index{S})) "
                            "- ekspiper_node_ledger_index{S}",
                            "{{node}}",
                        ),
                    ),
                ),
                Graph(
                    "Time of an answer",
                    "s",
                    (Query("ekspiper_node_latency_seconds{S}", "{{node}}"),),
                ),
                Graph(
                    "Requests a second",
                    "reqps",
                    (Query("rate(ekspiper_node_requests_total{S}[$__rate_interval])", "{{node}}"),),
                ),
                Graph(
                    "Errors and reconnects a minute",
                    "short",
                    (
                        Query(
                            "60 * rate(ekspiper_node_errors_total{S}[$__rate_interval])",
                            "errors {{node}}",
                        ),
                        Query(
                            "60 * rate(ekspiper_node_reconnects_total{S}[$__rate_interval])",
                            "reconnects {{node}}",
                        ),
                    ),
                ),
                Graph(
                    "Waiting for a ledger that no node serves",
                    "s",
                    (Query("ekspiper_ledger_wait_seconds{S}", "{{instance}}"),),
                ),
            ),
        ),
        Row(
            "Dead letters and the machine",
            (
                Graph(
                    "Dead letters an hour",
                    "short",
                    (
                        Query(
                            "sum by (flow, step, collector) "
                            "(increase(ekspiper_dead_letters_total{S}[1h]))",
                            "{{step}} {{collector}}",
                        ),
                    ),
                ),
                Graph(
                    "What did not fit the schema",
                    "short",
                    (
                        Query(
                            "ekspiper_drift_total{S}",
                            "{{problem}} {{name}}",
                            needs="fields that the schema lacks",
                        ),
                    ),
                ),
                Graph(
                    "Free on the disk of the state",
                    "percentunit",
                    (
                        Query(
                            "ekspiper_state_free_bytes{S} / ekspiper_state_size_bytes{S}",
                            "{{instance}}",
                        ),
                    ),
                ),
                Graph(
                    "Memory",
                    "bytes",
                    (Query("process_resident_memory_bytes{S}", "{{instance}}"),),
                ),
                Graph(
                    "Processors in use",
                    "short",
                    (
                        Query(
                            "rate(process_cpu_seconds_total{S}[$__rate_interval])", "{{instance}}"
                        ),
                    ),
                ),
                Graph(
                    "Open files and connections",
                    "short",
                    (Query("process_open_fds{S}", "{{instance}}"),),
                ),
            ),
        ),
    ),
)

LEDGER = Board(
    "ekspiper-ledger",
    "ekspiper: ledger",
    "What happens on the ledger. It needs the collector `metric`.",
    (
        Row(
            "At a glance",
            (
                Number("Ledger", "locale", Query("max(xrpl_ledger_index{S})")),
                Number(
                    "Age of its record",
                    "s",
                    Query("max(xrpl_ledger_close_lag_seconds{S})"),
                    bad=60,
                ),
                Number(
                    "Ledgers a minute",
                    "short",
                    Query("60 * sum(rate(xrpl_ledgers_total{S}[$__rate_interval]))"),
                ),
                Number(
                    "Transactions a second",
                    "short",
                    Query("sum(rate(xrpl_transactions_total{S}[$__rate_interval]))"),
                ),
                Number(
                    "Successful",
                    "percentunit",
                    Query(
                        'sum(rate(xrpl_transactions_total{S, result="tesSUCCESS"}'
                        "[$__rate_interval])) "
                        "/ sum(rate(xrpl_transactions_total{S}[$__rate_interval]))"
                    ),
                ),
                Number(
                    "XRP destroyed in a day",
                    "short",
                    Query("sum(increase(xrpl_fees_drops_total{S}[24h])) / 1e6"),
                ),
            ),
        ),
        Row(
            "Transactions",
            (
                Graph(
                    "By type, a second",
                    "short",
                    (
                        Query(
                            "sum by (type) (rate(xrpl_transactions_total{S}[$__rate_interval]))",
                            "{{type}}",
                        ),
                    ),
                    stacked=True,
                    width=12,
                ),
                Graph(
                    "By result, a second",
                    "short",
                    (
                        Query(
                            "sum by (result) (rate(xrpl_transactions_total{S}[$__rate_interval]))",
                            "{{result}}",
                        ),
                    ),
                    stacked=True,
                    width=12,
                ),
                Graph(
                    "Transactions in a ledger",
                    "short",
                    (
                        Query(
                            "rate(xrpl_ledger_transactions_sum{S}[$__rate_interval]) "
                            "/ rate(xrpl_ledger_transactions_count{S}[$__rate_interval])",
                            "mean",
                        ),
                        Query(
                            "histogram_quantile(0.95, sum by (le) "
                            "(rate(xrpl_ledger_transactions_bucket{S}[$__rate_interval])))",
                            "95 of 100",
                        ),
                    ),
                    width=12,
                ),
                Graph(
                    "Records without a field that is counted",
                    "short",
                    (
                        Query(
                            "ekspiper_metric_passed_over_total{S}",
                            "{{metric}}",
                            needs="records without the field",
                        ),
                        Query(
                            "ekspiper_metric_label_overflow_total{S}",
                            "{{metric}} {{label}}",
                            needs="more values of a label than are kept apart",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            "Fees",
            (
                Graph(
                    "Fee of a transaction, in drops",
                    "short",
                    tuple(
                        Query(
                            f"histogram_quantile({share}, sum by (le) "
                            "(rate(xrpl_fee_drops_bucket{S}[$__rate_interval])))",
                            f"{share * 100:.0f} of 100",
                        )
                        for share in (0.5, 0.9, 0.99)
                    ),
                    width=12,
                ),
                Graph(
                    "Drops destroyed a second, by type",
                    "short",
                    (
                        Query(
                            "sum by (type) (rate(xrpl_fees_drops_total{S}[$__rate_interval]))",
                            "{{type}}",
                        ),
                    ),
                    stacked=True,
                    width=12,
                ),
            ),
        ),
        Row(
            "Validators, where ledgers are recorded when they are signed",
            (
                Graph(
                    "Newest ledgers that are not signed yet",
                    "short",
                    (
                        Query(
                            "max by (job, instance) (ekspiper_node_ledger_index{S}) "
                            "- on (job, instance) ekspiper_signed_ledger_index{S}",
                            "{{instance}}",
                            needs=SIGNATURES,
                        ),
                    ),
                ),
                Graph(
                    "From the first validation to the quorum (95 of 100)",
                    "s",
                    (
                        Query(
                            "histogram_quantile(0.95, sum by (le) "
                            "(rate(ekspiper_quorum_seconds_bucket{S}[$__rate_interval])))",
                            "quorum",
                            needs=SIGNATURES,
                        ),
                    ),
                ),
                Graph(
                    "Validators in the quorum",
                    "none",
                    (Query("ekspiper_signers{S}", "{{instance}}", needs=SIGNATURES),),
                ),
                Graph(
                    "Ledgers since a validator signed",
                    "short",
                    (
                        Query(
                            "ekspiper_validator_behind_ledgers{S}",
                            "{{validator}}",
                            needs=SIGNATURES,
                        ),
                    ),
                ),
                Graph(
                    "Validations a second",
                    "short",
                    (
                        Query(
                            "rate(ekspiper_validations_total{S}[$__rate_interval])",
                            "{{result}}",
                            needs=SIGNATURES,
                        ),
                    ),
                ),
                Graph(
                    "Days until a validator list expires",
                    "short",
                    (
                        Query(
                            "ekspiper_validator_list_expires_seconds{S} / 86400",
                            "{{instance}}",
                            needs=SIGNATURES,
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Order books that move most",
            (
                Graph(
                    "Books read a second",
                    "short",
                    (Query("sum(rate(xrpl_books_total{S}[$__rate_interval]))", "books"),),
                ),
                Graph(
                    "Offers, in the ten largest books",
                    "short",
                    (
                        Query(
                            "topk(10, xrpl_book_offers{S})",
                            "{{taker_gets}} for {{taker_pays}}",
                        ),
                    ),
                ),
                Graph(
                    "Best price, of XRP against the ten largest books",
                    "short",
                    (
                        Query(
                            'topk(10, xrpl_book_offers{S, taker_gets="XRP"}) * 0 '
                            "+ on (job, instance, taker_gets, taker_pays) "
                            "xrpl_book_best_quality{S}",
                            "{{taker_pays}} for a drop",
                        ),
                    ),
                    "What takers pay for one drop of XRP.",
                ),
            ),
        ),
    ),
)

DASHBOARDS = {"feed": FEED, "ledger": LEDGER}


def queries(board: Board) -> Iterator[Query]:
    """Every query of a dashboard."""
    for row in board.rows:
        for panel in row.panels:
            yield from panel.queries if isinstance(panel, Graph) else (panel.query,)


SOURCE = models.DataSourceRef(type_val="prometheus", uid="$source")


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.full).ref_id(letter).datasource(SOURCE)
    return target.legend_format(query.legend or "__auto")


def _graph(panel: Graph) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True)
    legend = legend.display_mode(common_models.LegendDisplayMode.LIST)
    legend = legend.placement(common_models.LegendPlacement.BOTTOM)
    made = timeseries.Panel().title(panel.title).description(panel.description).unit(panel.unit)
    made = made.datasource(SOURCE).legend(legend).span(panel.width).height(8)
    made = made.fill_opacity(30 if panel.stacked else 8).min(0)
    if panel.stacked:
        stacking = common.StackingConfig().mode(common_models.StackingMode.NORMAL)
        made = made.stacking(stacking)
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        made = made.with_target(_target(query, letter))
    return made


def _number(panel: Number) -> stat.Panel:
    steps = [models.Threshold(value=None, color="green")]
    if panel.bad is not None:
        steps.append(models.Threshold(value=panel.bad, color="red"))
    if panel.bad_below is not None:
        steps = [
            models.Threshold(value=None, color="red"),
            models.Threshold(value=panel.bad_below, color="green"),
        ]
    thresholds = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
    made = stat.Panel().title(panel.title).description(panel.description).unit(panel.unit)
    made = made.datasource(SOURCE).span(panel.width).height(4).thresholds(thresholds)
    made = made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    made = made.graph_mode(common_models.BigValueGraphMode.AREA)
    return made.with_target(_target(panel.query, "A"))


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return (
        made.include_all(True)
        .multi(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def written(board: Board) -> str:
    """The dashboard as the JSON that Grafana imports."""
    made = dashboard.Dashboard(board.title).uid(board.uid).description(board.description)
    made = made.tags(["ekspiper"]).refresh("10s").time("now-1h", "now").timezone("browser")
    made = made.with_variable(
        dashboard.DatasourceVariable("source").label("Source").type("prometheus")
    )
    made = made.with_variable(_variable("job", "Job", "label_values(ekspiper_build_info, job)"))
    made = made.with_variable(
        _variable("instance", "Daemon", 'label_values(ekspiper_build_info{job=~"$job"}, instance)')
    )
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            assert WIDTH % panel.width == 0
            made = made.with_panel(_graph(panel) if isinstance(panel, Graph) else _number(panel))
    made = made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    plain: Any = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    for number, each in enumerate(plain["panels"], start=1):
        each["id"] = number
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write all of them."""
    for name, board in DASHBOARDS.items():
        (HERE / f"{name}.json").write_text(written(board))


if __name__ == "__main__":
    main()
