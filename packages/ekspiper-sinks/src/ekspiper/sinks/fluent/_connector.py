"""Chooses the server: the endpoints in turn, and what a failed connection means."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence

from ekspiper.core import ConfigError, Instrument, Instruments, Metric

from ._connection import Connection, ConnectionLost, HandshakeLost, Refused, connect
from ._endpoint import Endpoint, TlsSettings
from ._handshake import Credentials

__all__ = ["Connector"]

log = logging.getLogger("ekspiper")

_LABELS = ("tag", "endpoint")
_CONNECTED = Metric(
    "ekspiper_fluent_connected", "gauge", _LABELS, "", "Whether a Fluent server is connected"
)
_CONNECTIONS = Metric(
    "ekspiper_fluent_connections_total",
    "counter",
    _LABELS,
    "connections",
    "Connections made to a Fluent server",
)

_HANDSHAKES = 3
_HANDSHAKE_PAUSE = 0.7  # a server that shuts down closes new connections for up to a second


class Connector:
    """Connects to the first endpoint that can be reached.

    Args:
        endpoints: in the order of preference.
        tag: of the records, for the log and for metrics.
        credentials: None for servers that do not ask for any.
        tls: None for plain connections.

    Raises:
        ConfigError: endpoints are missing, or a certificate file cannot be used.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        tag: str,
        credentials: Credentials | None,
        tls: TlsSettings | None,
    ) -> None:
        if not endpoints:
            raise ConfigError("endpoints must name at least one host:port")
        if tls is not None and tls.verify:
            for endpoint in endpoints:
                if not tls.name_of(endpoint):
                    raise ConfigError(
                        f"TLS over the Unix socket {endpoint} needs server_name, the name that "
                        "the server's certificate has"
                    )
        self.endpoints = tuple(endpoints)
        self._tag = tag
        self._credentials = credentials
        self._tls = tls
        self._context = tls.context() if tls is not None else None
        self._first = 0  # the place of the endpoint to try first
        self._last: Endpoint | None = None  # the endpoint that was connected last
        self._why_not: dict[Endpoint, str] = {}
        self._instruments: dict[Endpoint, tuple[Instrument, Instrument]] = {}

    def use_instruments(self, instruments: Instruments) -> None:
        """Measure which server is connected. An endpoint holds no secret: it has no user in it."""
        for endpoint in self.endpoints:
            labels = {"tag": self._tag, "endpoint": str(endpoint)}
            connected = instruments.instrument(_CONNECTED, **labels)
            connected.record(0)
            self._instruments[endpoint] = (
                connected,
                instruments.instrument(_CONNECTIONS, **labels),
            )

    def avoid(self, endpoint: Endpoint, error: Exception) -> None:
        """Begin with the endpoint after this one next time."""
        self._first = self.endpoints.index(endpoint) + 1
        self._why_not[endpoint] = str(error)

    async def connect(self, *, timeout: float, insist: bool = False) -> Connection:
        """A connection to the first endpoint that can be reached.

        Args:
            timeout: seconds for a connection, and for each message of the handshake.
            insist: try again when a server closes the connection on our PING. It does so where
                the key is wrong, and also where it is being restarted.

        Raises:
            Refused: no endpoint takes us; one of them refuses the credentials or is not trusted.
            ConnectionLost: none can be reached. Both say why of each.
        """
        errors: list[ConnectionLost] = []
        for offset in range(count := len(self.endpoints)):
            place = (self._first + offset) % count
            endpoint = self.endpoints[place]
            try:
                connection = await self._connect(endpoint, timeout, 1 + insist * (_HANDSHAKES - 1))
            except ConnectionLost as error:
                errors.append(error)
                self._why_not[endpoint] = str(error)
            else:
                # Stay with the server that works, even after the first choice is back: each change
                # costs a handshake, and splits the order.
                self._first = place
                self._measure(connection)
                self._tell(endpoint)
                return connection
        # Wrong credentials are a mistake that only the user can repair, and so they are named
        # first.
        kind = Refused if any(isinstance(error, Refused) for error in errors) else ConnectionLost
        raise kind("; ".join(map(str, errors)))

    async def _connect(self, endpoint: Endpoint, timeout: float, tries: int) -> Connection:
        for attempt in range(1, tries + 1):
            try:
                return await connect(
                    endpoint,
                    tls=self._tls_context(),
                    server_name=self._tls.name_of(endpoint) if self._tls is not None else None,
                    credentials=self._credentials,
                    timeout=timeout,
                )
            except HandshakeLost as error:
                if tries == 1:
                    raise
                if attempt == tries:
                    raise Refused(f"{error} It did so {tries} times.") from None
                await asyncio.sleep(_HANDSHAKE_PAUSE)
            except ConnectionLost:
                # The certificates may have been changed: read the files again next time.
                self._context = None
                raise
        raise AssertionError("the last attempt returns or raises")

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._tls is not None and self._context is None:
            try:
                self._context = self._tls.context()
            except ConfigError as error:  # in the middle of being changed
                raise Refused(str(error)) from None
        return self._context

    def _measure(self, connection: Connection) -> None:
        if connection.endpoint in self._instruments:
            connected, connections = self._instruments[connection.endpoint]
            connected.record(1)
            connections.record(1)
            connection.when_lost = lambda: connected.record(0)

    def _tell(self, endpoint: Endpoint) -> None:
        """Say that the server is another one than before, or not the first choice."""
        before = self._last or self.endpoints[0]
        self._last = endpoint
        if endpoint != before:
            why = self._why_not.get(before, "it was not reached")
            log.warning(
                "Fluent (%s) now sends to %s instead of %s: %s", self._tag, endpoint, before, why
            )
