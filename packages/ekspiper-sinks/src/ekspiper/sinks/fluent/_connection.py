"""One connection to a forward server: a handshake, chunks out, acknowledgements in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

from ekspiper.core import Permanent, Retryable

from .._checks import reason_of
from ._delivery import Chunk
from ._endpoint import Endpoint
from ._extra import msgpack
from ._handshake import Credentials, Handshake, is_helo

__all__ = ["Connection", "ConnectionLost", "HandshakeLost", "Refused", "connect"]

_LONGEST_MESSAGE = 1 << 20  # of a server: its messages are short
_QUICK: int | None = getattr(socket, "TCP_QUICKACK", None)


class ConnectionLost(Retryable):
    """The connection ended, or answered with something that is not the protocol."""


class HandshakeLost(ConnectionLost):
    """The server closed the connection on our PING, as some do when the key is wrong."""


class Refused(ConnectionLost):
    """The credentials are wrong, or a certificate is not trusted.

    When the sink is opened that is a mistake in its configuration. Later it is an outage like any
    other: somebody changed a password or a certificate, and will put it right.
    """


class Connection(asyncio.Protocol):
    """One connection. Writing never waits: the sender bounds what is unacknowledged.

    Args:
        endpoint: the server, for messages.
        greets: whether a handshake comes first.
    """

    def __init__(self, endpoint: Endpoint, *, greets: bool) -> None:
        self.endpoint = endpoint
        self.keepalive = True
        self.when_lost: Callable[[], None] = lambda: None
        """Called once, when the connection is known to be lost or has been closed."""
        self._transport: asyncio.Transport | None = None
        self._lost: ConnectionLost | None = None
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._greetings: asyncio.Queue[Any] | None = asyncio.Queue() if greets else None
        # Text of the server need not be UTF-8, so nothing is decoded.
        self._unpacker = msgpack.Unpacker(raw=True, max_buffer_size=_LONGEST_MESSAGE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not an instance of it
        self._socket = transport.get_extra_info("socket")
        self._is_tcp = self._socket.family in (socket.AF_INET, socket.AF_INET6)
        if self._is_tcp:
            # Between batches nothing is sent, so that a firewall would forget a connection that is
            # silent.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._confirm_at_once()

    def _confirm_at_once(self) -> None:
        """Confirm what arrives without TCP's usual delay of 40 ms.

        A server that does not set TCP_NODELAY holds its next acknowledgement back until the one
        before is confirmed. Linux forgets this setting, so it is set again and again.
        """
        if _QUICK is not None and self._is_tcp:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._confirm_at_once()
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                self._take(message)
        except (ValueError, TypeError, msgpack.UnpackException):
            self.abort("does not speak the forward protocol: its answer is something else")

    def _take(self, message: Any) -> None:
        if self._greetings is not None:
            self._greetings.put_nowait(message)
        elif is_helo(message):
            # Such a server would take our chunks for a wrong PING, and close without a reason.
            self.abort("asks for a shared key: set shared_key")
        elif isinstance(message, dict) and b"ack" in message:
            waiting = self._waiting.pop(message[b"ack"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        else:
            raise ValueError

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        self._end("closed the connection" + (f" ({reason_of(error)})" if error else ""))

    def abort(self, why: str) -> ConnectionLost:
        """End it now; everything that waits gets the reason."""
        lost = self._end(why)
        if self._transport is not None:
            self._transport.abort()
        return lost

    def close(self) -> None:
        """End it; nothing may be unacknowledged any more."""
        self._end("is not connected any more")
        if self._transport is not None:
            self._transport.close()

    def _end(self, why: str) -> ConnectionLost:
        if self._lost is None:
            self._lost = ConnectionLost(f"the Fluent server {self.endpoint} {why}")
            self.when_lost()
        for waiting in self._waiting.values():
            if not waiting.done():
                _fail(waiting, self._lost)
        self._waiting.clear()
        if self._greetings is not None:
            self._greetings.put_nowait(self._lost)
        return self._lost

    @property
    def is_open(self) -> bool:
        """Whether it is not known to be lost."""
        return self._lost is None

    def send(self, chunk: Chunk) -> asyncio.Future[None]:
        """Write a chunk; the future is done when the server has acknowledged it."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            _fail(waiting, self._lost)
            return waiting
        self._waiting[chunk.id.encode()] = waiting
        self._write(chunk.message)
        return waiting

    def _write(self, message: bytes) -> None:
        assert self._transport is not None
        self._transport.write(message)

    async def authenticate(self, credentials: Credentials, *, timeout: float) -> None:
        """Do the handshake.

        Raises:
            Refused: the credentials are wrong.
            HandshakeLost: closed on our PING.
            ConnectionLost: closed otherwise, or no answer in time.
        """
        handshake = Handshake(credentials)
        helo = await self._greeting(timeout, "sends no HELO: does it use a shared key?")
        try:
            self._write(handshake.ping(helo))
            handshake.check_pong(await self._pong(timeout))
        except ValueError as error:
            raise self.abort(f"does not speak the forward protocol: {error}") from None
        except Permanent as error:
            self.abort("refused the handshake")
            raise Refused(f"the Fluent server {self.endpoint}: {error}") from None
        self.keepalive = handshake.keepalive
        # From here on messages are acknowledgements.
        self._greetings = None

    async def _pong(self, timeout: float) -> Any:
        try:
            return await self._greeting(timeout, "sends no PONG")
        except ConnectionLost as error:
            raise HandshakeLost(f"{error} after our PING: is the shared key right?") from None

    async def _greeting(self, timeout: float, otherwise: str) -> Any:
        assert self._greetings is not None
        try:
            async with asyncio.timeout(timeout):
                message = await self._greetings.get()
        except TimeoutError:
            raise self.abort(f"{otherwise} (waited {timeout:g} s)") from None
        if isinstance(message, ConnectionLost):
            raise message
        return message


def _fail(waiting: asyncio.Future[None], error: Exception) -> None:
    waiting.set_exception(error)
    waiting.exception()  # not every one is awaited; asyncio would complain of the others


async def connect(
    endpoint: Endpoint,
    *,
    tls: ssl.SSLContext | None,
    server_name: str | None,
    credentials: Credentials | None,
    timeout: float,
) -> Connection:
    """Connect and authenticate.

    Args:
        endpoint: the server.
        tls: None for a plain connection.
        server_name: the name that its certificate must have.
        credentials: None for a server that does not ask for any.
        timeout: seconds for the connection, and for each message of the handshake.

    Raises:
        Refused: the certificate or the credentials are wrong.
        ConnectionLost: it cannot be reached.
    """
    try:
        async with asyncio.timeout(timeout):
            connection = await _dial(
                Connection(endpoint, greets=credentials is not None), tls, server_name
            )
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"the certificate of the Fluent server {endpoint} is not trusted: "
            f"{error.verify_message}; see ca_file and server_name"
        ) from None
    except TimeoutError:
        raise ConnectionLost(f"no connection to {endpoint} within {timeout:g} s") from None
    except OSError as error:
        raise ConnectionLost(f"no connection to {endpoint}: {reason_of(error)}") from None
    if credentials is not None:
        try:
            await connection.authenticate(credentials, timeout=timeout)
        except BaseException:
            connection.abort("was given up")
            raise
    return connection


async def _dial(
    connection: Connection, tls: ssl.SSLContext | None, server_name: str | None
) -> Connection:
    loop, endpoint = asyncio.get_running_loop(), connection.endpoint
    # asyncio refuses a name without TLS, and TLS over a Unix socket without one.
    name = (server_name or "") if tls is not None else None
    if endpoint.path:
        await loop.create_unix_connection(
            lambda: connection, endpoint.path, ssl=tls, server_hostname=name
        )
    else:
        await loop.create_connection(
            lambda: connection, endpoint.host, endpoint.port, ssl=tls, server_hostname=name
        )
    return connection
