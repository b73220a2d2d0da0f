"""The manifests fit the schemas of Kubernetes, alone and as the example puts them together."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ekspiper.xrpl.config import PipelineSettings, load_settings

from .conftest import DEPLOY

FOLDER = DEPLOY / "kubernetes"
VERSIONS = ("1.31", "1.34")
OF_THE_OPERATOR = ("ServiceMonitor", "PrometheusRule")
"""Their schemas are the Prometheus operator's, not Kubernetes'."""


def manifest(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / path).read_text())
    return found


def validate(resource: dict[str, Any]) -> None:
    if resource["kind"] not in OF_THE_OPERATOR:
        for version in VERSIONS:
            kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("path", ["base/service.yaml", "base/statefulset.yaml"])
def test_each_fits_its_schema(path: str) -> None:
    validate(manifest(path))


def test_a_mistake_is_found() -> None:
    """So that the test above means something."""
    wrong = manifest("base/statefulset.yaml")
    wrong["spec"]["replica"] = wrong["spec"].pop("replicas")
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_the_example_renders_and_fits() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "example")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    resources = list(yaml.safe_load_all(done.stdout))
    for resource in resources:
        assert resource["metadata"]["namespace"] == "ekspiper"
        validate(resource)
    by_kind = {resource["kind"]: resource for resource in resources}
    assert set(by_kind) == {"ConfigMap", "Service", "StatefulSet", *OF_THE_OPERATOR}
    pod = by_kind["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.example/ekspiper:0.1.0"
    config = next(each for each in pod["volumes"] if each["name"] == "config")
    assert config["configMap"]["name"] == by_kind["ConfigMap"]["metadata"]["name"]


def test_one_daemon_which_may_drain() -> None:
    spec = manifest("base/statefulset.yaml")["spec"]
    assert spec["replicas"] == 1
    grace = spec["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > PipelineSettings().drain_timeout + 15


def test_it_may_do_no_more_than_it_must() -> None:
    pod = manifest("base/statefulset.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_rules_are_those_of_prometheus() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
    assert manifest("monitoring/prometheus-rule.yaml")["spec"] == rules


def test_the_alerts_find_its_job_whatever_an_overlay_calls_it() -> None:
    label = manifest("monitoring/service-monitor.yaml")["spec"]["jobLabel"]
    assert manifest("base/service.yaml")["metadata"]["labels"][label].startswith("ekspiper")


def test_the_examples_configuration_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUENT_SHARED_KEY", "key")
    settings = load_settings(FOLDER / "example" / "ekspiper.toml", state=Path("/state"))
    assert settings.network_name == "mainnet"
