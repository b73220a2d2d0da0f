"""Where settings come from, and which of them wins."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.config import RECORDS, load_settings

from .conftest import Write, mistakes


def test_without_anything_it_is_the_sample_network() -> None:
    settings = load_settings()
    assert settings.network == "sample"
    assert (settings.from_ledger, settings.until, settings.out) == (None, None, None)
    assert settings.http.host == "127.0.0.1"
    assert settings.pipeline.verify


def test_a_file_is_read(write: Write) -> None:
    file = write(
        """
        network = ["ws://one:6006", "ws://two:6006"]
        from = 7
        until = 9
        out = "somewhere"
        [http]
        enabled = false
        """
    )
    settings = load_settings(file)
    assert settings.network == "ws://one:6006,ws://two:6006"
    assert (settings.from_ledger, settings.until) == (7, 9)
    assert settings.out == Path("somewhere")
    assert not settings.http.enabled


@pytest.mark.parametrize(
    ("file", "variable", "option", "expected"),
    [
        ("until = 1", None, None, 1),
        ("until = 1", "2", None, 2),
        ("until = 1", None, 3, 3),
        ("until = 1", "2", 3, 3),
        ("", "2", 3, 3),
        ("", None, None, None),
    ],
)
def test_the_command_line_is_over_the_environment_is_over_the_file(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    variable: str | None,
    option: int | None,
    expected: int | None,
) -> None:
    if variable:
        monkeypatch.setenv("EKSPIPER_UNTIL", variable)
    assert load_settings(write(file), until=option).until == expected


@pytest.mark.parametrize(
    ("file", "variable", "option", "expected"),
    [
        ("", None, None, None),
        ('[collectors.a]\ntype = "metric"', None, None, "out/testnet-daemon"),
        ('network = "ws://a:1"\n[collectors.a]\ntype = "metric"', None, None, "out/custom-daemon"),
        ('state = "f"\n[collectors.a]\ntype = "metric"', None, None, "f"),
        ('state = "f"', None, None, "f"),
        ('state = "f"', "v", None, "v"),
        ('state = "f"', "v", "o", "o"),
        ('out = "f"\n[collectors.a]\ntype = "metric"', None, None, "f"),
    ],
)
def test_where_the_state_is(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    variable: str | None,
    option: str | None,
    expected: str | None,
) -> None:
    if variable:
        monkeypatch.setenv("EKSPIPER_STATE", variable)
    if "network" not in file:
        file = f'network = "testnet"\n{file}'
    settings = load_settings(write(file), state=option)
    assert settings.state_folder == (None if expected is None else Path(expected))
    assert settings.state_option == ("--out" if "out" in file else "--state")


def test_every_layer_adds_to_the_tables_of_the_others(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKSPIPER_NODE__NETWORK_ID", "5")
    settings = load_settings(write("[node]\nrequest_timeout = 3.5"), node={"connect_timeout": 1.0})
    assert settings.node.model_dump(exclude_unset=True) == {
        "connect_timeout": 1.0,
        "request_timeout": 3.5,
        "network_id": 5,
    }


def test_how_nodes_are_asked(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKSPIPER_NODE__RATE", "2.5")
    monkeypatch.setenv("EKSPIPER_NODE__POLITE", "false")
    monkeypatch.setenv("EKSPIPER_NODE__LEDGER_TIMEOUT", "1")
    file = write("[node]\nliveness = 30\nhedge_after = 2\nwindow = 7\nrate = 1")
    settings = load_settings(file, node={"ledger_timeout": 86400.0})
    assert settings.node.model_dump() == {
        "connect_timeout": None,
        "request_timeout": 20.0,
        "network_id": None,
        "liveness": 30.0,
        "hedge_after": 2.0,
        "ledger_timeout": 86400.0,
        "window": 7,
        "rate": 2.5,
        "polite": False,
    }


def test_the_first_ledger_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM", "1")
    monkeypatch.setenv("EKSPIPER_FROM", "7")
    assert load_settings().from_ledger == 7


def test_options_of_collectors_have_variables(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(
        """
        [collectors.Fluent]
        type = "fluent"
        tag = "t"
        port = 1
        """
    )
    monkeypatch.setenv("EKSPIPER_COLLECTORS__FLUENT__PORT", "24225")
    monkeypatch.setenv("EKSPIPER_COLLECTORS__FLUENT__RECORDS", '["ledgers"]')
    monkeypatch.setenv("EKSPIPER_COLLECTORS__LINES__TYPE", "stdout")
    fluent, lines = load_settings(file).collector_tables
    assert (fluent.type, fluent.records) == ("fluent", ("ledgers",))
    assert fluent.options == {"tag": "t", "port": "24225"}
    assert (lines.type, lines.records) == ("stdout", RECORDS)


def test_a_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "from-windows.toml"
    file.write_text('log_level = "debug"\r\n', encoding="utf-8-sig")
    assert load_settings(file).log_level == "debug"


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    assert mistakes(file) == ["cannot read the configuration FILE: No such file or directory"]


def test_a_file_that_is_not_toml(write: Write) -> None:
    (line,) = mistakes(write("network = sample\n"))
    assert line.startswith("FILE:1: not TOML: ")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "ekspiper.toml"
    file.write_bytes(b"\xff\xfe")
    (line,) = mistakes(file)
    assert line == "cannot read the configuration FILE: it is not text in UTF-8"


def test_the_time_out_of_a_request_is_the_same_everywhere(write: Write) -> None:
    pool = inspect.signature(NodePool).parameters["request_timeout"].default
    page = (Path(__file__).parents[3] / "docs" / "reading.md").read_text()
    assert load_settings(write("")).node.request_timeout == pool
    assert f"does not answer a request for {pool:g} s" in page
