"""A collector from a package of the user's own plugs in by its entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import Secret
from ekspiper.xrpl.config import load_settings

from .conftest import Write, mistakes

MODULE = """
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from somewhere import Loft

from ekspiper.core import Collector, Secret


class Carrier(Collector[Any]):
    def __init__(
        self,
        address: str,
        *,
        records: str = "",
        speed: Literal["slow", "fast"] = "slow",
        birds: int = 1,
        key: Secret | None = None,
        places: list[str] | None = None,
        loft: Loft | None = None,
    ) -> None:
        self.given = (address, records, speed, birds, key, places)

    async def collect(self, batch: Any) -> None:
        pass
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution as pip would have installed it."""
    site = tmp_path / "site"
    metadata = site / "pigeon_post-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon-post\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[ekspiper.collectors]\npigeon = pigeon_post:Carrier\nbroken = pigeon_post:Missing\n"
    )
    (site / "pigeon_post.py").write_text(MODULE)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("pigeon_post", None)


def given(settings: Any) -> tuple[Any, ...]:
    (table,) = settings.collector_tables
    made = table.make(records="ledgers", network="sample", out="out")
    result: tuple[Any, ...] = made.given  # type: ignore[attr-defined]
    return result


def test_its_parameters_are_its_options(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "coo")
    file = write(
        """
        [collectors.post]
        type = "pigeon"
        address = "{network}/{records}"
        speed = "fast"
        key = { env = "KEY" }
        places = ["{out}", "home"]
        """
    )
    assert given(load_settings(file)) == (
        "sample/ledgers",
        "ledgers",
        "fast",
        1,
        Secret("coo"),
        ["out", "home"],
    )


def test_they_are_checked_like_ours(write: Write) -> None:
    file = write(
        """\
[collectors.post]
type = "pigeon"
speed = "medium"
birds = "many"
key = "coo"
colour = "grey"
"""
    )
    assert [line.split("; known")[0] for line in mistakes(file)] == [
        "FILE:1: collectors.post.address: is missing",
        "FILE:3: collectors.post.speed: must be 'slow' or 'fast'",
        "FILE:4: collectors.post.birds: must be a whole number",
        'FILE:5: collectors.post.key: a secret is given as { env = "NAME" } or '
        '{ file = "PATH" }, not as text',
        "FILE:6: collectors.post.colour: unknown key",
    ]


def test_it_is_among_the_known(write: Write) -> None:
    (line,) = mistakes(write('[collectors.post]\ntype = "pidgeon"'))
    assert "no collector is called 'pidgeon'; known: pigeon, " in line


def test_one_that_cannot_be_loaded(write: Write) -> None:
    (line,) = mistakes(write('[collectors.post]\ntype = "broken"'))
    assert line.startswith("FILE:2: collectors.post.type: the collector 'broken' cannot be loaded")
