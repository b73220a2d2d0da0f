"""`docs/metrics.md` lists what a scrape of a real daemon shows, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ekspiper.xrpl.replay import ReplayNode

from .conftest import FIRST, LAST, Http, Running

DOCS = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
Row = tuple[str, tuple[str, ...]]

WHEN_IT_HAPPENS = {
    "ekspiper_drift_total",
    "ekspiper_fluent_connected",
    "ekspiper_fluent_connections_total",
    "ekspiper_quorum_seconds",
    "ekspiper_signed_ledger_index",
    "ekspiper_signers",
    "ekspiper_validations_total",
    "ekspiper_validator_behind_ledgers",
    "ekspiper_validator_list_expires_seconds",
}
"""What a clean run without Fluent and without signatures does not show."""


def documented() -> dict[str, Row]:
    """Kind and labels by name, as the tables of the page say."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", DOCS.read_text(), re.M)
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def shown(text: str) -> dict[str, tuple[str, set[tuple[str, ...]]]]:
    """Kind, and the labels of the series there are, by name."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {tuple(sorted(set(each.labels) - {"le"})) for each in family.samples}
        found[name] = (family.type, labels)
    return found


async def test_every_series_of_a_run_and_no_other(
    running: Running, http: Http, node: Callable[..., ReplayNode]
) -> None:
    config = '[collectors.metrics]\ntype = "metric"\n'
    async with (
        node() as served,
        running(config, network=served.url, **{"from": FIRST}) as task,
    ):
        position = f'ekspiper_checkpoint_position{{flow="ledger-details"}} {LAST}.0'
        text = await http.until("/metrics", 200, position)
        assert not task.done()
    page, scrape = documented(), shown(text)
    # Other daemons of this process have the same registry, and may have shown more.
    assert set(scrape) - WHEN_IT_HAPPENS == set(page) - WHEN_IT_HAPPENS
    for name, (kind, labels) in scrape.items():
        said_kind, said_labels = page[name]
        assert (name, kind) == (name, said_kind)
        assert labels <= {tuple(sorted(said_labels))}, name
