"""The alert rules: Prometheus reads them, each has its tests and a section of the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from .conftest import DEPLOY, ROOT

RULES = DEPLOY / "prometheus" / "rules.yml"
TESTS = DEPLOY / "prometheus" / "rules.test.yml"
RUNBOOK = ROOT / "docs" / "guides" / "alerts.md"
METRICS = ROOT / "docs" / "metrics.md"

promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool (package prometheus) is not installed"
)


def alerts() -> dict[str, dict[str, Any]]:
    """Every rule by its name."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


@promtool
@pytest.mark.parametrize(("kind", "file"), [("check", RULES), ("test", TESTS)])
def test_prometheus_has_no_complaint(kind: str, file: Any) -> None:
    done = subprocess.run(
        ["promtool", kind, "rules", file.name],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_when_it_fires_and_when_it_is_quiet() -> None:
    names = {each["name"] for each in yaml.safe_load(TESTS.read_text())["tests"]}
    assert names == {f"{alert} {how}" for alert in alerts() for how in ("fires", "is quiet")}


def test_each_alert_has_a_section_of_the_runbook() -> None:
    sections = re.findall(r"^## (Ekspiper\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sections == list(alerts())
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook_url"].endswith(f"/guides/alerts/#{name.lower()}")


def test_each_alert_says_how_bad_it_is_and_what_happens() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("warning", "critical"), name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name


def test_each_metric_is_one_that_the_daemon_has() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", METRICS.read_text(), re.MULTILINE))
    for name, rule in alerts().items():
        used = set(re.findall(r"\b(?:ekspiper|xrpl|process)_\w+", rule["expr"]))
        assert used <= documented, name
