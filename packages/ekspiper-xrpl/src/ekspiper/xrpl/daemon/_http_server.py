"""What the daemon answers over HTTP: is it alive, is it ready, what are its metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ekspiper.core import Component, ConfigError

__all__ = ["HttpServer"]


class HttpServer(Component):
    """`/health`, `/ready` and `/metrics`.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.
        exposition: what `/metrics` shows for an `Accept` header: the body and its content type.
        not_ready: why the daemon is not ready; nothing when it is.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        exposition: Callable[[str], tuple[bytes, str]],
        not_ready: Callable[[], list[str]],
    ) -> None:
        self.host = host
        self.port = port
        self._exposition = exposition
        self._not_ready = not_ready
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def open(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address cannot be had, for example because the port is in use.
        """
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/health", self._health),
                web.get("/ready", self._ready),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
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
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text="ekspiper: /health /ready /metrics\n")

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
        response.enable_compression()
        return response


def _why(error: OSError) -> str:
    """The system's words, without asyncio's around them."""
    number = error.errno
    return os.strerror(number).lower() if number is not None and number > 0 else str(error)


def _json(content: dict[str, Any], *, status: int) -> web.Response:
    return web.json_response(content, status=status)
