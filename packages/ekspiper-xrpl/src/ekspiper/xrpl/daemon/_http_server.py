"""What the daemon answers over HTTP: is it alive, is it ready, its metrics, and its status."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ekspiper.core import Component, ConfigError

from ._status import page, script, style, view

__all__ = ["HttpServer"]

# The statistics change about so often, and the monitor looks once a second as well.
_EVENTS_EVERY = 1.0

# Pages that are kept current at once: each costs a drawing a second.
_MOST_READERS = 50

# Seconds that open answers get when the daemon ends. A page that is not read any more, in a
# browser that hangs, would otherwise hold the daemon for aiohttp's 60: longer than systemd waits.
_LAST_WORDS = 1.0

# The page shows text that comes from nodes and from data. It is escaped; if one place were
# forgotten, the browser would still run nothing from it.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class HttpServer(Component):
    """`/health`, `/ready`, `/metrics`, `/status`, and the status page at `/`. All only read.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.
        exposition: what `/metrics` shows for an `Accept` header: the body and its content type.
        not_ready: why the daemon is not ready; nothing when it is.
        status: the document that `/status` answers with.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        exposition: Callable[[str], tuple[bytes, str]],
        not_ready: Callable[[], list[str]],
        status: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self.host = host
        self.port = port
        self._exposition = exposition
        self._not_ready = not_ready
        self._status = status
        self._readers = 0
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def open(self) -> None:
        """Listen.

        Raises:
            ConfigError: it cannot listen there, for example because the port is in use.
        """
        app = web.Application()
        app.add_routes(
            # GET alone: nothing can be changed over this port.
            [
                web.get("/", self._page),
                web.get("/page.css", self._style),
                web.get("/page.js", self._script),
                web.get("/events", self._events),
                web.get("/status", self._status_document),
                web.get("/health", self._health),
                web.get("/ready", self._ready),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_WORDS)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(
                f"cannot listen on {self.host}:{self.port}: {_why(error)}; choose "
                "another with --http HOST:PORT, or --http off"
            ) from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        # Pages that are kept current hold their connections: without this `cleanup` would wait for
        # its time-out, a minute.
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _page(self, _: web.Request) -> web.Response:
        text = page(await self._status())
        return web.Response(text=text, content_type="text/html", headers=_PAGE_HEADERS)

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(text=style(), content_type="text/css", headers=_PAGE_HEADERS)

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(text=script(), content_type="text/javascript", headers=_PAGE_HEADERS)

    async def _status_document(self, _: web.Request) -> web.Response:
        return web.json_response(await self._status(), headers={"Cache-Control": "no-store"})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """The page's view as server-sent events, whenever it has changed."""
        if self._readers >= _MOST_READERS:
            return web.Response(status=503, text="too many pages are open\n")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        self._readers += 1
        try:
            await self._send_events(response)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._readers -= 1
        return response

    async def _send_events(self, response: web.StreamResponse) -> None:
        shown = ""
        while not self._closing.is_set():
            now = view(await self._status())
            # A comment where nothing changed: so a reader that has gone is noticed.
            lines = [f"data: {line}" for line in now.splitlines()] if now != shown else [": same"]
            await response.write(("\n".join(lines) + "\n\n").encode())
            shown = now
            try:
                async with asyncio.timeout(_EVENTS_EVERY):
                    await self._closing.wait()
            except TimeoutError:
                continue

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "alive"}, status=200)

    async def _ready(self, _: web.Request) -> web.Response:
        reasons = self._not_ready()
        if reasons:
            return _json({"status": "not ready", "reasons": reasons}, status=503)
        return _json({"status": "ready"}, status=200)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._exposition(request.headers.get("Accept", ""))
        response = web.Response(body=body, headers={"Content-Type": content_type})
        # Metrics are hundreds of kilobytes of text that repeats itself.
        response.enable_compression()
        return response


def _why(error: OSError) -> str:
    """The system's words, without asyncio's around them."""
    number = error.errno
    return os.strerror(number).lower() if number is not None and number > 0 else str(error)


def _json(content: dict[str, Any], *, status: int) -> web.Response:
    return web.json_response(content, status=status)
