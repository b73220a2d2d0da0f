"""Secrets come from the environment or a file, and never show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import Secret
from ekspiper.xrpl.config import load_settings

from .conftest import Write, mistakes

FLUENT = """
[collectors.fluent]
type = "fluent"
tag = "t"
shared_key = %s
"""
TEXT = "correct horse battery staple"


def made(settings: Any) -> Any:
    (table,) = settings.collector_tables
    return table.make(records="transactions", network="n", out="o")


def test_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", TEXT)
    settings = load_settings(write(FLUENT % '{ env = "THE_KEY" }'))
    assert TEXT in _everything(made(settings))
    assert TEXT not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_from_a_file(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(TEXT + "\n")
    settings = load_settings(write(FLUENT % f'{{ file = "{file}" }}'))
    assert TEXT in _everything(made(settings))
    assert TEXT not in repr(settings) + str(settings.model_dump())


def test_the_variable_can_be_named_by_a_variable(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", TEXT)
    monkeypatch.setenv("EKSPIPER_COLLECTORS__FLUENT__SHARED_KEY__ENV", "OTHER_KEY")
    settings = load_settings(write(FLUENT % '{ env = "THE_KEY" }'))
    assert TEXT in _everything(made(settings))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f'"{TEXT}"', 'a secret is given as { env = "NAME" } or { file = "PATH" }, not as text'),
        (f'{{ text = "{TEXT}" }}', "a secret is given as"),
        (f'{{ env = "A", file = "{TEXT}" }}', "a secret is given as"),
        ("{ env = 3 }", "a secret is given as"),
        ('{ env = "NOT_SET" }', "the environment variable NOT_SET is not set; it holds a secret"),
        (
            '{ file = "/nowhere/key" }',
            "cannot read the secret in /nowhere/key: [Errno 2] No such file or directory",
        ),
    ],
)
def test_anything_else_is_refused_and_not_repeated(write: Write, value: str, expected: str) -> None:
    (line,) = mistakes(write(FLUENT % value))
    assert line.startswith(f"FILE:5: collectors.fluent.shared_key: {expected}")
    assert TEXT not in line


def test_a_secret_as_text_in_a_variable_is_refused_and_not_repeated(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKSPIPER_COLLECTORS__FLUENT__SHARED_KEY", TEXT)
    (line,) = mistakes(write('[collectors.fluent]\ntype = "fluent"\ntag = "t"'))
    assert line.startswith("EKSPIPER_COLLECTORS__FLUENT__SHARED_KEY: a secret is given as")
    assert TEXT not in line


def test_tokens_in_the_urls_of_nodes_are_not_repeated(write: Write) -> None:
    (line,) = mistakes(write('network = "http://user:hunter2@node/token1234567?key=hunter2"'))
    assert "hunter2" not in line
    assert "token1234567" not in line
    assert "***" in line


def _everything(value: Any, seen: tuple[int, ...] = ()) -> str:
    """All texts that can be reached from an object, secrets revealed."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, str | bytes):
        return str(value)
    if id(value) in seen or isinstance(value, type):
        return ""
    seen = (*seen, id(value))
    if isinstance(value, dict):
        return "".join(_everything(each, seen) for each in value.values())
    if isinstance(value, list | tuple):
        return "".join(_everything(each, seen) for each in value)
    names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
    return "".join(_everything(getattr(value, name, None), seen) for name in names)
