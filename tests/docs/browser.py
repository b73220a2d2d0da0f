"""A headless Chromium that opens pages of the site, spoken to over its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from websockets.sync.client import ClientConnection, connect

__all__ = ["Browser"]

# The first flags keep it from looking for the network; as root it needs --no-sandbox.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Browser:
    """One page at a time, in a window of any width, light or dark.

    Args:
        program: the path of Chromium.
        profile: an empty folder for it.
    """

    def __init__(self, program: str, profile: Path) -> None:
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._port = _port(profile / "DevToolsActivePort")
        self._numbers = itertools.count(1)
        self._events: list[dict[str, Any]] = []
        self._page: ClientConnection = connect(self._target(), max_size=2**26)
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def _target(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/json") as answer:
            pages = [each for each in json.load(answer) if each["type"] == "page"]
        return str(pages[0]["webSocketDebuggerUrl"])

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command; events that come meanwhile are kept."""
        number = next(self._numbers)
        self._page.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = json.loads(self._page.recv(timeout=60))
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._events.append(message)

    def open(
        self, url: str, *, width: int, height: int = 900, scheme: Literal["light", "dark"]
    ) -> None:
        """Load a page and wait until it is there."""
        self.send("Page.navigate", url="about:blank")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        # The theme remembers the colours of the last visit.
        origin = "/".join(url.split("/")[:3])
        self.send("Storage.clearDataForOrigin", origin=origin, storageTypes="local_storage")
        self._events.clear()
        self.send("Page.navigate", url=url)
        while not any(each.get("method") == "Page.loadEventFired" for each in self._events):
            self._events.append(json.loads(self._page.recv(timeout=60)))

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    @property
    def complaints(self) -> list[str]:
        """Errors of the page since it was opened."""
        return [
            str(each["params"])
            for each in self._events
            if each.get("method") == "Runtime.exceptionThrown"
        ]

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A screenshot as PNG, of the window or of the whole page."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser."""
        self._page.close()
        self._process.terminate()
        self._process.wait(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _port(path: Path) -> int:
    """Where it listens, which it writes to a file when it is ready."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()):
            return int(text.split()[0])
        time.sleep(0.05)
    raise TimeoutError("Chromium did not start")
