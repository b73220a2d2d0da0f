"""Configuration files for the tests, in an environment without settings of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.config import load_settings

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("EKSPIPER_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a configuration file."""

    def to_file(text: str) -> Path:
        file = tmp_path / "ekspiper.toml"
        file.write_text(text)
        return file

    return to_file


def mistakes(file: Path | None, **overrides: object) -> list[str]:
    """The mistakes of a configuration, one a line, with only the name of the file."""
    with pytest.raises(ConfigError) as caught:
        load_settings(file, **overrides)
    return str(caught.value).replace(str(file), "FILE").splitlines()
