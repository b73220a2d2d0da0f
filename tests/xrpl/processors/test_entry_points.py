"""Every processor that the package announces is there."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3] / "packages" / "ekspiper-xrpl" / "pyproject.toml"
POINTS = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]


@pytest.mark.parametrize("name", POINTS["ekspiper.processors"])
def test_a_processor_is_where_its_entry_point_says(name: str) -> None:
    module, _, attribute = POINTS["ekspiper.processors"][name].partition(":")
    assert callable(getattr(import_module(module), attribute).process)
