"""Reports and logs for programs: one JSON object a line."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli, Done


def only(done: Done, *, code: int = 0) -> Any:
    """The one line on standard output, read."""
    assert done.code == code, done.err
    (line,) = done.out.splitlines()
    return json.loads(line)


def events(done: Done) -> list[dict[str, Any]]:
    """Every line on standard error, read."""
    return [json.loads(line) for line in done.err.splitlines()]


def test_nodes(cli: Cli) -> None:
    (node,) = only(cli("nodes", "--json"))
    assert node["state"] == "ready"
    assert node["ledgers"] == "421-540"
    assert node["problem"] is None


def test_backfill(cli: Cli) -> None:
    plan = only(cli("backfill", "418:422", "--out", "out", "--dry-run", "--json"))
    assert (plan["missing"], plan["absent"], plan["requests"]) == ("418-422", "418-420", 2)
    report = only(cli("backfill", "418:422", "--out", "out", "--json"), code=3)
    assert (report["fetched"], report["present"], report["verified"]) == (2, 0, True)
    assert [each["ledgers"] for each in report["missing"]] == ["418-420"]
    assert "no node has it" in report["missing"][0]["reason"]


def test_verify(cli: Cli) -> None:
    assert cli("backfill", "478:480", "--out", "out").code == 0
    report = only(cli("verify", "out", "--deep", "--json"))
    assert (report["ledgers"], report["faults"], report["proven"]) == ("478-480", [], 3)
    Path("out/transactions.jsonl").write_text("")
    assert len(only(cli("verify", "out", "--json"), code=1)["faults"]) == 3


def test_check(cli: Cli) -> None:
    Path("good.toml").write_text('[collectors.a]\ntype = "stdout"\nrecords = ["ledgers"]\n')
    report = only(cli("check", "good.toml", "--json"))
    assert report["mistakes"] == []
    assert report["collectors"] == {"a": {"type": "stdout", "records": ["ledgers"]}}
    Path("bad.toml").write_text('network = "sample"\n[colectors.a]\n')
    (mistake,) = only(cli("check", "bad.toml", "--json"), code=2)["mistakes"]
    assert mistake["where"] == "bad.toml:2: colectors"
    assert mistake["key"] == "colectors"
    assert mistake["what"].startswith("unknown key; did you mean collectors?")


def test_check_has_a_line_for_each_collector(cli: Cli) -> None:
    text = '[collectors.{0}]\ntype = "stdout"\nrecords = ["ledgers"]\n'
    Path("good.toml").write_text(text.format("one") + text.format("two"))
    lines = [line.split() for line in cli("check", "good.toml").out.splitlines()]
    for name in ("one", "two"):
        assert ["collector", name, "(stdout):", "ledgers"] in lines


def test_snapshot(cli: Cli) -> None:
    report = only(cli("snapshot", "--type", "AMM", "--out", "out", "--json"))
    assert report["ledger_index"] == 540
    assert 0 < report["records"] < report["objects"]


@pytest.mark.parametrize("command", ["payments 478:480", "books"])
def test_what_prints_records(cli: Cli, command: str) -> None:
    report = only(cli(*command.split(), "--out", "out", "--json"))
    assert (report.get("payments") or report["offers"]) > 10
    done = cli(*command.split(), "--json")
    assert json.loads(done.err.splitlines()[-1]) == report
    assert "drained" not in done.out


def test_daemon_and_redeliver(cli: Cli) -> None:
    report = only(cli("daemon", "--until", "428", "--out", "out", "--http", "off", "--json"))
    assert (report["first"], report["last"], report["ledgers"]) == (421, 428, 8)
    assert report["drained"] is False
    report = only(cli("redeliver", "--network", "sample", "--out", "out", "--json"))
    assert report == {"read": 0, "kept": 0, "failed": 0}


def test_a_report_does_not_stand_among_records(cli: Cli) -> None:
    done = cli("daemon", "--until", "422", "--http", "off", "--json")
    assert all("ledger_index" in json.loads(line) for line in done.out.splitlines())
    assert json.loads(done.err.splitlines()[-1])["last"] == 422


@pytest.mark.parametrize("before", [True, False])
def test_logs(cli: Cli, before: bool) -> None:
    option = ("--log-format", "json")
    command = ("daemon", "--until", "422", "--out", "out")
    done = cli(*option, *command) if before else cli(*command, *option)
    said = events(done)
    assert {each["level"] for each in said} == {"info"}
    assert [each for each in said if each["message"].startswith("state in out")]
    for each in said:
        assert list(each)[:3] == ["time", "level", "message"]
        assert datetime.fromisoformat(each["time"]).tzinfo is not None


def test_logs_as_the_configuration_says(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKSPIPER_LOG_FORMAT", "json")
    done = cli("daemon", "--until", "421", "--out", "out", "--network", "sample")
    assert events(done)
    done = cli("daemon", "--until", "422", "--out", "out", "--log-format", "text")
    assert not done.err.startswith("{")


def test_errors_are_events_too(cli: Cli) -> None:
    (error,) = events(cli("--log-format", "json", "backfill", "1:2", "--network", "mainet"))
    assert error["level"] == "error"
    assert error["message"].startswith("no network is called 'mainet'")


def test_an_event_about_a_node_names_it(cli: Cli) -> None:
    options = ("--network", "ws://127.0.0.1:1", "--connect-timeout", "0.1")
    said = events(cli("backfill", "1:2", *options, "--log-format", "json"))
    assert [each["node"] for each in said if each["level"] == "warning"] == ["ws://127.0.0.1:1"]


def test_a_dead_letter_says_where_it_comes_from(cli: Cli) -> None:
    said = events(cli("backfill", "419:421", "--out", "out", "--log-format", "json"))
    letters = [each for each in said if each["level"] == "error"]
    assert [each["ledger"] for each in letters] == [419, 420]
    assert {(each["flow"], each["step"]) for each in letters} == {2 * ("ledger-details",)}


def test_a_sink_that_fails_is_named(cli: Cli) -> None:
    Path("c.toml").write_text(
        '[collectors.far]\ntype = "fluent"\ntag = "x"\nport = 1\nrecords = ["ledgers"]\n'
    )
    command = ("daemon", "--config", "c.toml", "--until", "422", "--http", "off")
    with subprocess.Popen(
        [sys.executable, "-m", "ekspiper.xrpl", *command, "--log-format", "json"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        assert daemon.stderr is not None
        failing = next(
            event for event in map(json.loads, daemon.stderr) if " is failing: " in event["message"]
        )
        daemon.kill()
    assert (failing["flow"], failing["step"], failing["collector"]) == (
        "ledger-record",
        "ledger-record",
        "far",
    )


def test_an_event_says_what_it_is_about(cli: Cli) -> None:
    cli("--log-format", "json", "graph")
    (handler,) = logging.getLogger("ekspiper").handlers
    record = logging.LogRecord("ekspiper.x", logging.WARNING, "", 0, "late: %s", ("why",), None)
    record.ledger, record.flow, record.collector, record.node = 7, "f", "c", "wss://n"
    assert json.loads(handler.format(record)) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "message": "late: why",
        "ledger": 7,
        "flow": "f",
        "collector": "c",
        "node": "wss://n",
    }


def test_a_format_that_does_not_exist(cli: Cli) -> None:
    done = cli("--log-format", "xml", "graph")
    assert done.code == 2
    assert "it is text or json, not 'xml'" in done.err
