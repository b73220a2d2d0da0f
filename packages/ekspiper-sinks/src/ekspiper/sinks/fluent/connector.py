"""Chooses the server: the endpoints in turn, and what a failed handshake means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from ekspiper.core import ConfigError, Permanent

from .connection import Connection, ConnectionLost, HandshakeLost, connect
from .endpoint import Endpoint
from .handshake import Credentials

__all__ = ["Connector"]

_HANDSHAKES = 3
_HANDSHAKE_PAUSE = 0.7  # a server that shuts down closes new connections for up to a second


class Connector:
    """Connects to the first endpoint that can be reached.

    Args:
        endpoints: as `host:port`, in the order of preference.
        credentials: None for servers that ask for none.
        tls: None for plain TCP.
        server_name: that a server's certificate must have, instead of its host.
        timeout: seconds for a connection, and for each message of the handshake.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        credentials: Credentials | None,
        tls: ssl.SSLContext | None,
        server_name: str | None,
        timeout: float,
    ) -> None:
        if not endpoints:
            raise ConfigError("endpoints must name at least one host:port")
        self._endpoints = [Endpoint.parse(text) for text in endpoints]
        self._credentials = credentials
        self._tls = tls
        self._server_name = server_name
        self._timeout = timeout
        self._first = 0  # the place of the endpoint to try first
        self._known: set[Endpoint] = set()  # those that our credentials were right for

    def avoid(self, endpoint: Endpoint) -> None:
        """Begin with the one after it next time."""
        self._first = self._endpoints.index(endpoint) + 1

    async def connect(self) -> Connection:
        """A connection to the first endpoint that can be reached.

        Raises:
            ConnectionLost: none can be reached; says why of each.
            Permanent: the credentials or the certificate are wrong.
        """
        reasons = []
        for offset in range(count := len(self._endpoints)):
            place = (self._first + offset) % count
            try:
                connection = await self._connect(self._endpoints[place])
            except ConnectionLost as error:
                reasons.append(str(error))
            else:
                self._first = place
                return connection
        raise ConnectionLost("; ".join(reasons))

    async def _connect(self, endpoint: Endpoint) -> Connection:
        """Connect to one endpoint. Some servers refuse a wrong key by closing only."""
        attempt = 0
        while True:
            try:
                connection = await connect(
                    endpoint,
                    tls=self._tls,
                    server_name=self._server_name,
                    credentials=self._credentials,
                    timeout=self._timeout,
                )
            except HandshakeLost as error:
                attempt += 1
                if endpoint in self._known:
                    raise
                if attempt == _HANDSHAKES:
                    raise Permanent(f"{error} It did so {attempt} times.") from None
                await asyncio.sleep(_HANDSHAKE_PAUSE)
            else:
                self._known.add(endpoint)
                return connection
