"""A real Prometheus scrapes the daemon."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from ..ports import free_port as another_port
from .conftest import FIRST, WITHIN, Start

pytestmark = pytest.mark.skipif(
    not which("prometheus"), reason="the Debian package prometheus is not installed"
)

CONFIG = """
global:
  scrape_interval: 250ms
scrape_configs:
  - job_name: ekspiper
    static_configs:
      - targets: ["127.0.0.1:%d"]
"""


@pytest.fixture
def prometheus(tmp_path: Path, free_port: int) -> Iterator[Callable[[str], Any]]:
    """Asks a Prometheus that scrapes `free_port`; with a configuration and data of its own."""
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG % free_port)
    port = another_port()
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )

    def ask(path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                return json.load(reply)["data"]
        except (urllib.error.URLError, ConnectionError, ValueError):
            return None

    yield ask
    process.terminate()
    process.wait(20)


def test_the_target_is_up_and_its_series_are_there(
    prometheus: Callable[[str], Any],
    start: Start,
    serve: Callable[..., str],
    free_port: int,
    tmp_path: Path,
) -> None:
    config = tmp_path / "ekspiper.toml"
    config.write_text('[collectors.metrics]\ntype = "metric"\n')
    daemon = start(
        *("daemon", "--network", serve(), "--config", config, "--from", FIRST),
        *("--out", tmp_path / "out", "--http", f"127.0.0.1:{free_port}"),
    )
    deadline = time.monotonic() + WITHIN

    def value(query: str) -> float:
        while True:
            found = prometheus(f"/api/v1/query?query={urllib.parse.quote(query)}")
            if found and found["result"] and float(found["result"][0]["value"][1]) > 0:
                return float(found["result"][0]["value"][1])
            assert daemon.process.poll() is None, daemon.said()
            assert time.monotonic() < deadline, f"no {query}"
            time.sleep(0.05)  # another process sets no event here

    assert value('up{job="ekspiper"}') == 1
    assert value("xrpl_ledger_index == 540") == 540
    assert value("sum(xrpl_transactions_total) == 2793") == 2793
    assert value('ekspiper_checkpoint_position{flow="ledger-details"} == 540') == 540
    (target,) = prometheus("/api/v1/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
