"""systemd has nothing to say against the unit, and its times fit the daemon's."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ekspiper.xrpl.config import PipelineSettings, load_settings

from .conftest import DEPLOY

UNIT = DEPLOY / "systemd" / "ekspiper@.service"
EXPOSED_AT_MOST = 15
"""Of 100, as `systemd-analyze security` counts; "OK" begins below 50."""

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """An instance of the unit with a program that is there."""
    path = tmp_path / "ekspiper@mainnet.service"
    path.write_text(UNIT.read_text().replace("/opt/ekspiper/bin/ekspiper", "/bin/true"))
    return path


def test_systemd_reads_the_unit_without_a_word(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    about_it = [line for line in done.stderr.splitlines() if "ekspiper" in line]
    assert (done.returncode, about_it) == (0, [])


def test_systemd_finds_a_mistake(unit: Path) -> None:
    """So that the test above means something."""
    unit.write_text(unit.read_text().replace("RestrictRealtime=yes", "RestrictRealtimes=yes"))
    assert "RestrictRealtimes" in analyze("verify", "--man=no", unit).stderr


def test_it_is_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSED_AT_MOST}", unit)
    assert done.returncode == 0, done.stdout


def value(name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert found, f"{name} is not set"
    return found[1]


def test_it_may_drain_for_as_long_as_it_needs() -> None:
    longest = PipelineSettings().drain_timeout + 15
    assert float(value("TimeoutStopSec")) > longest


def test_what_the_exit_codes_mean() -> None:
    assert value("RestartPreventExitStatus") == "2"
    assert value("SuccessExitStatus") == "3"


def test_the_example_configuration_holds() -> None:
    settings = load_settings(DEPLOY / "systemd" / "mainnet.toml", state=Path("/var/lib/ekspiper"))
    assert set(settings.collectors) == {"fluent", "metrics"}
