"""The replay node: one port for rippled's WebSocket and JSON-RPC."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ekspiper.core import Component, ConfigError, MissingExtra

from ._answers import closed_message
from ._serving import Service, Session, answer_post
from .faults import FaultPlan
from .recording import Recording

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["ReplayNode"]


class ReplayNode(Component):
    """Serves a recording as rippled would: `async with ReplayNode(recording) as node: node.url`.

    Args:
        recording: what to serve; it stays open when the node is closed.
        host: the address to listen on.
        port: the port to listen on; 0 for any that is free.
        close_every: how ledgers close. None: all are closed from the start, and the streams are
            silent. A number of seconds: one each time. 0: as fast as the clients follow, from the
            moment the first of them subscribes to the stream `ledger`, or asks for a ledger.
        start_at: the ledger that is the last one closed at the start; the first of the recording
            without it. Of no use when `close_every` is None.
        missing: ledgers that this node does not hold.
        faults: what goes wrong, as a plan or as the text of one (see `replay.faults`).
        latency: seconds between a request and its answer; requests do not wait for each other.
        network_id: what `server_info` says; None: what was recorded, if anything.
        clio: answer as Clio does: only keys that exist are markers, a request without a ledger
            means the validated one, and every response carries warning 2001. The faults
            `failedToForward` and `noNetwork` make it one as well.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        close_every: float | None = None,
        start_at: int | None = None,
        missing: Collection[int] = (),
        faults: FaultPlan | str | None = None,
        latency: float = 0.0,
        network_id: int | None = None,
        clio: bool = False,
    ) -> None:
        self._host = host
        self._port = port
        plan = FaultPlan.parse(faults) if isinstance(faults, str) else faults or FaultPlan()
        self._service = Service(
            recording,
            close_every=close_every,
            start_at=start_at,
            missing=missing,
            plan=plan,
            latency=latency,
            network_id=network_id,
            clio=clio,
            announce=self._announce,
        )
        self._sessions: set[Session] = set()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._releasing: asyncio.Task[None] | None = None
        self._coming_back: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where WebSocket clients connect."""
        return f"ws://{self._address}"

    @property
    def http_url(self) -> str:
        """Where JSON-RPC clients post; the same port."""
        return f"http://{self._address}"

    @property
    def list_url(self) -> str:
        """Where the validator list is, if the recording has one; the same port."""
        return f"{self.http_url}/vl"

    @property
    def port(self) -> int:
        """The port, known once the node is open."""
        return self._port

    @property
    def released(self) -> int:
        """The last ledger closed so far."""
        return self._service.view.released

    @property
    def faults_injected(self) -> Counter[str]:
        """How often each kind of fault has struck."""
        return self._service.injected

    async def finished(self) -> None:
        """Return when every ledger of the recording is closed."""
        await self._service.finished()

    async def open(self) -> None:
        """Listen. Raises ConfigError when the port is taken, MissingExtra without aiohttp."""
        try:
            from aiohttp import web
        except ImportError:
            raise MissingExtra(
                "the replay node needs aiohttp: pip install 'ekspiper-xrpl[replay]'"
            ) from None
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Clients of a test may never close their connection, and nobody wants to wait a minute for
        # them.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await self._listen()
        self._releasing = asyncio.create_task(self._service.run())

    async def close(self) -> None:
        """Drop every connection and stop listening. Closing twice is fine."""
        for task in (self._releasing, self._coming_back):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._releasing = self._coming_back = None
        if self._runner is not None:
            self.drop_connections()
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    def release(self, ledger_index: int) -> None:
        """Close every ledger up to this one that is not closed yet, and tell the subscribers."""
        self._service.release(ledger_index)

    async def go_down(self, seconds: float) -> None:
        """Drop every connection and refuse new ones for `seconds`."""
        if self._site is None:
            return
        await self._site.stop()
        self._site = None
        # After the port is closed: a client reconnects at once.
        self.drop_connections()

        async def come_back() -> None:
            await asyncio.sleep(seconds)
            await self._listen()

        self._coming_back = asyncio.create_task(come_back())

    def drop_connections(self) -> None:
        """Cut every connection without a closing frame."""
        for session in list(self._sessions):
            session.abort()

    @property
    def _address(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def _announce(self, ledger_index: int) -> None:
        # No message is made where nobody listens.
        if any(session.streams for session in self._sessions):
            closed = closed_message(self._service.view, ledger_index)
            for session in self._sessions:
                session.announce(ledger_index, closed)

    async def _listen(self) -> None:
        from aiohttp import web

        assert self._runner is not None
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {self._host} port {self._port}: {error.strerror or error}; "
                "choose another port, or 0 for any that is free"
            ) from error
        self._site = site
        self._port = self._runner.addresses[0][1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if request.method == "POST":
            return await answer_post(self._service, request, go_down=self.go_down)
        if request.path.startswith("/vl"):
            return self._validator_list(request.path.removeprefix("/vl/"))
        # Requests are small; what a client sends beyond that is its own mistake.
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
        if not socket.can_prepare(request):
            return web.Response(text="A replay node: connect with a WebSocket, or POST JSON-RPC.\n")
        try:
            await socket.prepare(request)
        except ConnectionError:
            # The client has left before it was greeted; aiohttp would try to close the socket.
            return web.Response()
        session = Session(self._service, socket, request.transport, go_down=self.go_down)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
        return socket

    def _validator_list(self, publisher: str) -> web.Response:
        from aiohttp import web

        # As at a publisher's site the newest list has no key in its path, `/vl` or `/vl.json`.
        document = self._service.validator_list("" if publisher.startswith("/") else publisher)
        if document is None:
            return web.Response(status=404, text="The recording has no validator list.\n")
        return web.Response(body=document, content_type="application/json")
