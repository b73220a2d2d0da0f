"""Settings in environment variables."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import ekspiper.xrpl
from ekspiper.xrpl.config._layers import read_environment

from .conftest import Write, mistakes


def test_two_underscores_are_a_dot() -> None:
    environ = {
        "EKSPIPER_HTTP__PORT": "9000",
        "EKSPIPER_LOG_LEVEL": "debug",
        "ekspiper_collectors__a__type": "stdout",
        "EKSPIPERISH": "no",
        "PATH": "/bin",
    }
    assert read_environment(environ) == {
        "http": {"port": "9000"},
        "log_level": "debug",
        "collectors": {"a": {"type": "stdout"}},
    }


def test_lists_and_tables_are_json() -> None:
    environ = {
        "EKSPIPER_HTTP": ' {"port": 0}',
        "EKSPIPER_NETWORK": '["ws://a:1", "ws://b:1"]',
    }
    assert read_environment(environ) == {
        "http": {"port": 0},
        "network": ["ws://a:1", "ws://b:1"],
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EKSPIPER_HTTP", "{", "EKSPIPER_HTTP: begins like JSON and cannot be read: "),
        ("EKSPIPER_HTTP", '{"prt": 1}', "EKSPIPER_HTTP: http.prt: unknown key"),
        ("EKSPIPER_HTTP__PORT", "x", "EKSPIPER_HTTP__PORT: must be a whole number"),
        (
            "EKSPIPER_NETWROK",
            "sample",
            "EKSPIPER_NETWROK: unknown key; did you mean network? known here: network, ",
        ),
        ("EKSPIPER_NETWORK", "mainet", "EKSPIPER_NETWORK: no network is called 'mainet'"),
        ("EKSPIPER_COLLECTORS__A__TYPE", "x", "EKSPIPER_COLLECTORS__A__TYPE: no collector is"),
        ("EKSPIPER_COLLECTORS__A__TAG", "x", "EKSPIPER_COLLECTORS__A__TAG: "),
    ],
)
def test_a_mistake_names_the_variable_not_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    file = write('[http]\nport = 1\n[collectors.a]\ntype = "fluent"\ntag = "t"\nhost = "h"')
    if name.endswith("TAG"):
        file.write_text('[collectors.a]\ntype = "stdout"')
        expected = "EKSPIPER_COLLECTORS__A__TAG: unknown key"
    (line,) = mistakes(file)
    assert line.startswith(expected)


def _variables_in_code() -> set[str]:
    """What our own code asks the environment for by its full name, and what builds the codec."""
    names = {"EKSPIPER_COMPILED"}
    for file in Path(ekspiper.xrpl.__file__).parent.rglob("*.py"):
        if file.name != "_layers.py":
            names.update(re.findall(r'"(EKSPIPER_[A-Z]+)"', file.read_text()))
    return names


def test_what_chooses_the_codec_or_the_loop_is_not_a_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = _variables_in_code()
    assert {"EKSPIPER_PURE", "EKSPIPER_LOOP"} <= names
    for name in names:
        monkeypatch.setenv(name, "1")
    assert read_environment(os.environ) == {}


def test_an_empty_variable_does_not_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKSPIPER_OUT", "")
    assert mistakes(None) == ["EKSPIPER_OUT: the path is empty; . is the folder where you are"]


def test_a_value_where_another_variable_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKSPIPER_HTTP", "x")
    monkeypatch.setenv("EKSPIPER_HTTP__PORT", "1")
    (line,) = mistakes(None)
    assert line == "EKSPIPER_HTTP__PORT: another variable gives a value to the table"
