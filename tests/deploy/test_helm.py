"""The chart: Helm lints and renders it, and what it makes is what the manifests for kustomize say."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from ekspiper.xrpl.config import PipelineSettings, Settings

from .conftest import DEPLOY, ROOT
from .test_kubernetes import manifest, validate

CHART = DEPLOY / "helm" / "ekspiper"
EVERYTHING: dict[str, Any] = {
    "secrets": {"env": ["feed-secrets"], "files": "certificates"},
    "env": [{"name": "TZ", "value": "UTC"}],
    "drainTimeout": 90,
    "imagePullSecrets": [{"name": "registry"}],
    "podLabels": {"team": "data"},
    "podAnnotations": {"note": "1"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
    "persistence": {"size": "50Gi", "storageClass": "fast", "accessModes": ["ReadWriteOncePod"]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True},
    "networkPolicy": {
        "enabled": True,
        "from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 6006}]}],
    },
}


@pytest.fixture(scope="module")
def chart() -> Iterator[helm_python.Chart]:
    with helm_python.Chart.load(CHART) as chart:
        yield chart


def rendered(chart: helm_python.Chart, **values: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Every resource by its kind and name."""
    files = chart.render(values, name="feed", namespace="ekspiper")
    return {
        (resource["kind"], resource["metadata"]["name"]): resource
        for name, text in files.items()
        if name.endswith(".yaml")
        for resource in yaml.safe_load_all(text)
        if resource
    }


def pod(chart: helm_python.Chart, **values: Any) -> dict[str, Any]:
    """The pod's specification."""
    stateful_set = rendered(chart, **values)["StatefulSet", "feed-ekspiper"]
    found: dict[str, Any] = stateful_set["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_helm_has_no_complaint(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True)
    serious = [each for each in report["messages"] if each["severity"] > 1]
    assert (report["errors"], serious) == ([], [])


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_all_that_it_makes_fits_the_schemas(
    chart: helm_python.Chart, values: dict[str, Any]
) -> None:
    resources = rendered(chart, **values)
    for resource in resources.values():
        validate(resource)
    more = {"ServiceMonitor", "PrometheusRule", "NetworkPolicy"} if values else set()
    assert {kind for kind, _ in resources} == {"ConfigMap", "Service", "StatefulSet"} | more


def test_the_default_is_the_base_of_kustomize(chart: helm_python.Chart) -> None:
    """So that a change of one is made in the other."""
    resources = rendered(chart, image={"repository": "ekspiper", "tag": "latest"})
    ours, theirs = pod(chart), manifest("base/statefulset.yaml")["spec"]["template"]["spec"]
    (container,), (other,) = ours.pop("containers"), theirs.pop("containers")
    for only_here in ("image", "imagePullPolicy", "env"):
        container.pop(only_here)
    del other["image"]
    # There the Secret may be missing; here it is not named without being there.
    assert other.pop("envFrom") == [{"secretRef": {"name": "ekspiper", "optional": True}}]
    config = next(each for each in ours["volumes"] if each["name"] == "config")
    config["configMap"]["name"] = "ekspiper"
    assert (ours, container) == (theirs, other)
    service = resources["Service", "feed-ekspiper"]["spec"]
    service["selector"] = {"app.kubernetes.io/name": "ekspiper"}
    assert service == manifest("base/service.yaml")["spec"]


def test_rules_and_dashboards_are_the_ones_beside_it(chart: helm_python.Chart) -> None:
    resources = rendered(chart, **EVERYTHING)
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
    assert resources["PrometheusRule", "feed-ekspiper"]["spec"] == rules
    dashboards = resources["ConfigMap", "feed-ekspiper-dashboards"]["data"]
    assert dashboards == {
        f"ekspiper-{path.name}": path.read_text() for path in (DEPLOY / "grafana").glob("*.json")
    }
    # Links, and not copies, which would be forgotten.
    assert all(path.is_symlink() for path in (CHART / "files").iterdir())


def test_a_package_of_it_holds_them(tmp_path: Path) -> None:
    archive = helm_python.package(CHART, destination=tmp_path)
    with helm_python.Chart.load(archive) as packed:
        rules = rendered(packed, **EVERYTHING)["PrometheusRule", "feed-ekspiper"]["spec"]
        assert rules == yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
        assert packed.version == (ROOT / "VERSION").read_text().strip()


def test_the_alerts_find_its_job_whatever_the_release_is_called(chart: helm_python.Chart) -> None:
    resources = rendered(chart, **EVERYTHING)
    monitor = resources["ServiceMonitor", "feed-ekspiper"]
    service = resources["Service", "feed-ekspiper"]["metadata"]
    assert service["labels"][monitor["spec"]["jobLabel"]].startswith("ekspiper")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_it_may_drain_for_as_long_as_it_is_told_to(chart: helm_python.Chart) -> None:
    for seconds in (PipelineSettings().drain_timeout, 90):
        found = pod(chart, drainTimeout=int(seconds))
        env = {each["name"]: each["value"] for each in found["containers"][0]["env"]}
        assert float(env["EKSPIPER_PIPELINE__DRAIN_TIMEOUT"]) == seconds
        assert found["terminationGracePeriodSeconds"] > seconds + 15
    assert chart.values["drainTimeout"] == PipelineSettings().drain_timeout


def test_secrets_are_named_and_never_values(chart: helm_python.Chart) -> None:
    found = pod(chart, **EVERYTHING)
    (container,) = found["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "feed-secrets"}}]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["secrets"] == "/etc/ekspiper-secrets"
    assert {"name": "secrets", "secret": {"secretName": "certificates", "defaultMode": 0o440}} in (
        found["volumes"]
    )


def test_a_change_of_the_configuration_restarts_the_daemon(chart: helm_python.Chart) -> None:
    def checksum(config: str) -> str:
        resources = rendered(chart, config=config)
        template = resources["StatefulSet", "feed-ekspiper"]["spec"]["template"]
        found: str = template["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum('network = "testnet"\n') != checksum('network = "devnet"\n')


def test_the_configuration_arrives_as_it_was_written(chart: helm_python.Chart) -> None:
    config = '  network = "testnet"\n\n[node]\nwindow = 4  # {{ not a template }}\n'
    data = rendered(chart, config=config)["ConfigMap", "feed-ekspiper"]["data"]
    assert data["ekspiper.toml"].rstrip() == config.rstrip()
    assert ("ConfigMap", "feed-ekspiper") not in rendered(chart, existingConfigMap="mine")
    config_volume = pod(chart, existingConfigMap="mine")["volumes"][0]
    assert config_volume["configMap"]["name"] == "mine"


def test_the_default_configuration_holds(chart: helm_python.Chart) -> None:
    settings = Settings.model_validate(tomllib.loads(chart.values["config"]))
    assert (settings.network, set(settings.collectors)) == ("mainnet", {"metrics"})


@pytest.mark.parametrize(
    "values",
    [
        {"replicaCount": 2},
        {"secrets": {"password": "x"}},
        {"drainTimeout": "30s"},
        {"persistence": {"accessModes": ["ReadWriteMany"]}},
        {"env": [{"name": "EKSPIPER_PIPELINE__DRAIN_TIMEOUT", "value": "600"}]},
        {"networkPolicy": {"enabled": "yes"}},
    ],
    ids=str,
)
def test_values_that_it_does_not_have_are_refused(
    chart: helm_python.Chart, values: dict[str, Any]
) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        chart.validate_schema(values)


def test_the_policy_closes_the_port_to_all_that_are_not_named(chart: helm_python.Chart) -> None:
    closed = rendered(chart, networkPolicy={"enabled": True})["NetworkPolicy", "feed-ekspiper"]
    assert (closed["spec"]["policyTypes"], closed["spec"]["ingress"]) == (["Ingress"], [])
    opened = rendered(chart, **EVERYTHING)["NetworkPolicy", "feed-ekspiper"]["spec"]
    assert opened["ingress"][0]["from"] == EVERYTHING["networkPolicy"]["from"]
    assert opened["policyTypes"] == ["Ingress", "Egress"]


def test_the_chart_has_the_version_of_the_project(chart: helm_python.Chart) -> None:
    version = (ROOT / "VERSION").read_text().strip()
    assert (chart.version, chart.metadata["appVersion"]) == (version, version)


def test_each_value_is_explained() -> None:
    page = (CHART / "README.md").read_text()
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    named = {name.strip(".").split(".")[0] for name in re.findall(r"`([\w.]+)`", table)}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(values) <= named
    assert set(schema["properties"]) == set(values) | {"global"}
