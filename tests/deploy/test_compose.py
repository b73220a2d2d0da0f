"""The compose file and what is mounted into its services."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ekspiper.xrpl.config import PipelineSettings, load_settings

from .conftest import DEPLOY

FOLDER = DEPLOY / "compose"
PODMAN_COMPOSE = Path(sys.executable).with_name("podman-compose")


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    return found


def checked(*command: object, **options: Any) -> str:
    done = subprocess.run(
        [str(each) for each in command],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not PODMAN_COMPOSE.exists(), reason="podman-compose is not installed")
def test_compose_reads_it() -> None:
    shown = yaml.safe_load(checked(PODMAN_COMPOSE, "--file", "compose.yaml", "config"))
    assert set(shown["services"]) == set(services())
    assert "mainnet" in shown["services"]["ekspiper"]["command"]


def test_what_is_mounted_is_there() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).is_file(), f"{name}: {source}"
                assert volume.endswith(":ro"), f"{name}: {source}"


def test_only_this_machine_reaches_the_ports() -> None:
    for service in services().values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_the_daemon_may_drain() -> None:
    grace = float(services()["ekspiper"]["stop_grace_period"].removesuffix("s"))
    assert grace > PipelineSettings().drain_timeout + 15


def test_the_daemons_configuration_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    service = services()["ekspiper"]
    for name, text in service["environment"].items():
        monkeypatch.setenv(name, text)
    settings = load_settings(FOLDER / "ekspiper.toml", network="sample", state=Path("/state"))
    hosts = {table["host"] for table in settings.collectors.values() if "host" in table}
    assert hosts <= set(services())
    types = {table["type"] for table in settings.collectors.values()}
    assert types == {"metric", "fluent", "postgres"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "prometheus.yml", tmp_path)
    shutil.copy(DEPLOY / "prometheus" / "rules.yml", tmp_path)
    checked("promtool", "check", "config", tmp_path / "prometheus.yml")
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert scraped[0]["static_configs"][0]["targets"] == ["ekspiper:9464"]


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed")
def test_alertmanager_reads_its_configuration() -> None:
    checked("amtool", "check-config", "alertmanager.yml")


def test_grafana_gets_every_dashboard() -> None:
    mounted = {volume.split(":")[1] for volume in services()["grafana"]["volumes"]}
    for dashboard in (DEPLOY / "grafana").glob("*.json"):
        assert f"/dashboards/{dashboard.name}" in mounted
