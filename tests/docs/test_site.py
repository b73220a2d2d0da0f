"""The site is built without a warning, and its pages are looked at in a real browser."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import Browser

pytest.importorskip("mkdocs")
# Whichever test comes first waits until the whole site is built.
pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "",
    "concepts/",
    "architecture/",
    "guides/notebooks/",
    "notebooks/03-order-books-and-trades/",
    "reference/explorer/",
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; notebooks are not run here, they have tests of their own."""
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "RUN_NOTEBOOKS": "0"}
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed")
    with Browser(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def test_every_page_of_the_navigation_is_there(site: Path) -> None:
    for page in PAGES:
        assert (site / page / "index.html").is_file()
    assert "<svg" in (site / "architecture" / "index.html").read_text()


def test_home_says_how_to_install_it_and_shows_what_comes_out(site: Path) -> None:
    home = (site / "index.html").read_text()
    assert "pip install ./packages" in re.sub(r"<[^>]*>", "", home)
    for picture in ("sample", "flows", "flows-narrow"):
        assert f'src="assets/{picture}.svg"' in home
        assert (site / "assets" / f"{picture}.svg").stat().st_size > 10_000


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        for asset in ('src="http', 'rel="stylesheet" href="http'):
            assert asset not in text, page


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_desktop_and_phone_in_light_and_dark(
    browser: Browser, address: str, page: str
) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            browser.open(address + page, width=width, scheme=scheme)  # type: ignore[arg-type]
            assert browser.ask("document.documentElement.scrollWidth - innerWidth") <= 0
            assert browser.ask("document.querySelector('h1').innerText")
            broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
            assert browser.ask(broken) == 0
            cut = "i => i.width && i.getBoundingClientRect().right > innerWidth + 1"
            assert browser.ask(f"[...document.images].filter({cut}).length") == 0
            assert browser.complaints == []
        grounds[scheme] = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert grounds["light"] != grounds["dark"]


def test_the_reference_has_what_the_doors_have(site: Path) -> None:
    """Every class and function of a room that the reference shows, but where a module has its name."""
    shown = "".join(page.read_text() for page in (site / "reference").rglob("index.html"))
    pages = (ROOT / "docs" / "reference").glob("*.md")
    listed = "\n".join(page.read_text() for page in pages)
    rooms = re.findall(
        r"^::: ([a-z_.]+)\n    options:\n      show_root_heading: false", listed, re.M
    )
    assert len(rooms) > 30
    for room in rooms:
        door = importlib.import_module(room)
        for name in getattr(door, "__all__", ()):
            thing = getattr(door, name)
            if callable(thing) and inspect.getdoc(thing) and not is_module(room, name):
                assert f'id="{room}.{name}"' in shown, f"{room}.{name}"


def is_module(room: str, name: str) -> bool:
    """Whether the path of a name is that of a module."""
    package = hasattr(importlib.import_module(room), "__path__")
    return package and importlib.util.find_spec(f"{room}.{name}") is not None
