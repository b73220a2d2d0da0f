"""The unit under a real systemd: it starts, is watched, is started again, and drains."""

from __future__ import annotations

import json

import pytest

from .conftest import Machine, wait_for

pytestmark = pytest.mark.timeout(300)

SYSTEMCTL = "/bin/systemctl"
UNIT = "ekspiper@sample"


@pytest.fixture
def started(machine: Machine) -> Machine:
    """The daemon follows."""
    machine.run(SYSTEMCTL, "start", UNIT)  # returns when the daemon says that it has started
    machine.until("StatusText", "ready")
    wait_for(lambda: len(machine.ledgers()) > 3, "ledgers are recorded", machine.journal)
    return machine


def is_once_and_in_order(machine: Machine) -> bool:
    indexes = [json.loads(line)["ledger_index"] for line in machine.ledgers()]
    return indexes == list(range(421, 421 + len(indexes)))


def test_it_starts_with_no_rights_and_drains_when_it_is_stopped(started: Machine) -> None:
    pid = started.show("MainPID")
    status = (started.root / "proc" / pid / "status").read_text()
    user = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    assert user != "0"
    assert "NoNewPrivs:\t1" in status
    assert "listening on" in started.journal()
    started.run(SYSTEMCTL, "stop", UNIT)
    assert (started.show("Result"), started.show("ExecMainStatus")) == ("success", "0")
    assert "draining" in started.journal()
    assert is_once_and_in_order(started)
    # What was kept is in the checkpoint: it resumes behind the last line.
    last = json.loads(started.ledgers()[-1])["ledger_index"]
    started.run(SYSTEMCTL, "start", UNIT)
    assert f"resuming at ledger {last + 1}" in started.journal()


def test_it_is_started_again_when_it_is_killed(started: Machine) -> None:
    before = started.show("MainPID")
    started.run(SYSTEMCTL, "kill", "--signal", "KILL", UNIT)
    started.until("NRestarts", "1")
    started.until("StatusText", "ready")
    assert started.show("MainPID") not in ("0", before)
    started.run(SYSTEMCTL, "stop", UNIT)
    assert is_once_and_in_order(started)


def test_the_watchdog_ends_a_daemon_that_hangs(started: Machine) -> None:
    started.run("/bin/kill", "-STOP", started.show("MainPID"))
    started.until("NRestarts", "1")
    assert "Watchdog timeout" in started.journal()
    started.until("StatusText", "ready")


def test_a_mistake_in_the_configuration_is_not_tried_again(machine: Machine) -> None:
    (machine.root / "etc/ekspiper/sample.toml").write_text("netwrok = 1\n")
    machine.run(SYSTEMCTL, "start", UNIT, check=False)
    machine.until("ActiveState", "failed")
    assert (machine.show("NRestarts"), machine.show("ExecMainStatus")) == ("0", "2")
    assert "netwrok" in machine.journal()


def test_the_journal_knows_how_serious_a_line_is(started: Machine) -> None:
    everything = started.journal("-o", "cat")
    serious = started.journal("-o", "cat", "-p", "warning")
    assert "only hashes are checked" in everything
    assert "only hashes are checked" not in serious
    assert "where the bundled definitions have others" in serious
    assert "INFO" not in everything  # the journal has level and time itself
