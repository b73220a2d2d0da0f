"""The status page in a real Chromium: live, in both schemes and widths, and without JavaScript."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..docs.browser import Browser
from .conftest import FIRST, WITHIN, Start

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.slow,
]

METRICS = '[collectors.metrics]\ntype = "metric"\n'
DEAD_SINK = '[collectors.fluent]\ntype = "fluent"\ntag = "t"\nport = 1\nconnect_timeout = 0.2\n'


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests."""
    assert CHROMIUM is not None
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def follow(
    start: Start, serve: Callable[..., str], free_port: int, tmp_path: Path
) -> Callable[..., str]:
    """Starts a daemon on one or more nodes; the URL of its page."""

    def go(config: str, *more_nodes: str) -> str:
        file = tmp_path / "ekspiper.toml"
        file.write_text(METRICS + config)
        nodes = ",".join((serve("sample", "--close-every", "0.4"), *more_nodes))
        daemon = start(
            *("daemon", "--network", nodes, "--config", file, "--from", FIRST),
            *("--http", f"127.0.0.1:{free_port}", "--state", tmp_path / "state"),
        )
        daemon.wait_said("listening on")
        return f"http://127.0.0.1:{free_port}/"

    return go


def until(browser: Browser, expression: str) -> None:
    """Wait until something is true in the page."""
    deadline = time.monotonic() + WITHIN
    while not browser.ask(expression):
        assert time.monotonic() < deadline, browser.ask("document.body.innerText")
        time.sleep(0.05)  # the page sets no event here


def shows(text: str) -> str:
    return f"document.body.innerText.includes({text!r})"


def test_it_is_live_and_fits_every_width_and_scheme(
    follow: Callable[..., str], browser: Browser
) -> None:
    url = follow("")
    grounds = set()
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            browser.open(url, width=width, scheme=scheme)  # type: ignore[arg-type]
            until(browser, "document.getElementById('connection').textContent === 'live'")
            until(browser, shows("Ready"))
            assert browser.complaints == []
            assert browser.ask("document.documentElement.scrollWidth") <= width
            grounds.add(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2, "light and dark look the same"
    before = browser.ask("document.querySelector('dd').firstChild.textContent")
    until(browser, f"document.querySelector('dd').firstChild.textContent !== {before!r}")
    hosts = "[...new Set(performance.getEntries().map(e => e.name).filter(n => /^http/.test(n))"
    assert browser.ask(f"{hosts}.map(n => new URL(n).origin))].join()") == url.rstrip("/")
    text = browser.ask("document.querySelector('.tree').innerText")
    for part in ("ledger-details", "txn_records_flow_q", "etl", "metrics"):
        assert part in text


def test_without_javascript_it_is_as_good_a_page(
    follow: Callable[..., str], browser: Browser
) -> None:
    url = follow("")
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(url, width=390, scheme="light")
        for part in ("ledger-details", "Newest ledger kept", "ws://127.0.0.1"):
            until(browser, shows(part))
        assert browser.ask("document.querySelector('meta[http-equiv=refresh]').content") == "5"
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_a_dead_sink_and_why(follow: Callable[..., str], browser: Browser) -> None:
    browser.open(follow(DEAD_SINK), width=1280, scheme="light")
    until(browser, "document.querySelectorAll('.sink.bad').length === 4")
    assert "127.0.0.1:1" in browser.ask("document.querySelector('.sink.bad').innerText")
    assert browser.ask("document.querySelectorAll('.sink.good').length") == 3
    assert browser.ask(shows("Not ready"))


def test_a_dead_node_and_why(follow: Callable[..., str], browser: Browser) -> None:
    browser.open(follow("", "ws://127.0.0.1:1"), width=1280, scheme="dark")
    until(browser, shows("Ready"))
    until(browser, shows("Connection refused"))
    rows = "[...document.querySelectorAll('tbody tr')].map(row => row.className).join()"
    until(browser, f"{rows} === 'good,bad'")


def test_it_says_when_the_daemon_is_gone(
    start: Start, serve: Callable[..., str], browser: Browser, free_port: int, tmp_path: Path
) -> None:
    daemon = start(
        *("daemon", "--network", serve("sample", "--close-every", "0.4"), "--from", FIRST),
        *("--http", f"127.0.0.1:{free_port}", "--out", tmp_path / "out"),
    )
    daemon.wait_said("listening on")
    browser.open(f"http://127.0.0.1:{free_port}/", width=390, scheme="light")
    until(browser, "document.getElementById('connection').textContent === 'live'")
    daemon.end(signal.SIGKILL)
    until(browser, shows("no connection to the daemon"))
