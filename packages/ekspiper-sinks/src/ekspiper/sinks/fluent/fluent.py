"""The collector that sends records to Fluent Bit or Fluentd, and waits for the answer."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ekspiper.core import (
    BatchError,
    BatchPolicy,
    Collector,
    ConfigError,
    Instruments,
    Permanent,
    Retryable,
    Secret,
)

from .._checks import refuse_unless_positive
from ._connection import Connection, ConnectionLost, Refused
from ._connector import Connector
from ._delivery import Chunk, Delivery, Packing
from ._endpoint import Endpoint, TlsSettings
from ._entry import EntryPacker, unpack_record
from ._handshake import Credentials

__all__ = ["Fluent"]

log = logging.getLogger("ekspiper")

# Seconds for each step of the first connection: a server that does not answer must not hold up the
# start of a whole pipeline, as `collect` waits for it anyway.
_PATIENCE_AT_START = 2.0


class Fluent(Collector[dict[str, Any]]):
    """Sends records over the Fluent forward protocol, in order and at least once.

    A record counts as kept when the server has acknowledged its chunk; docs/fluent.md says what
    that is worth on the server's side. When a connection is lost, the collector connects again and
    sends again what was not acknowledged: a record may be stored twice, but it is not lost. When no
    server can be reached, or a connection is lost twice without an acknowledgement in between,
    `collect` raises `Retryable`; called again with the same batch it sends what is still missing.
    Nothing blocks the event loop.

    Args:
        tag: the tag of every record.
        host: the server's name or address, or the path of a Unix socket.
        port: the server's port.
        endpoints: several servers in the place of `host` and `port`, each as `host:port` or as the
            path of a Unix socket. The collector uses the first one that it reaches. When that one
            fails it takes the next, and after the last the first again.
        shared_key: the key of a server that asks for one.
        user: the user for a server that has users; with `password`.
        password: see `user`.
        tls: whether to use TLS.
        ca_file: certificates to trust in the place of the system's.
        client_cert: our own certificate, with its key in `client_key` or in the same file.
        client_key: see `client_cert`.
        server_name: the name that the server's certificate must have in the place of `host`.
        verify: false accepts any certificate.
        compress: compress chunks with gzip. On a fast network it costs more time than it saves.
        window: how many chunks may wait for their acknowledgement at once.
        chunk_bytes: the most bytes of entries in a chunk, unless a single record has more. Servers
            that decode records handle small chunks faster than large ones; `window` of them keep
            the network busy.
        max_bytes: a larger record is refused: Fluent Bit takes 6,144,000 (`Buffer_Max_Size`).
        ack_timeout: seconds to wait for an acknowledgement.
        connect_timeout: seconds to wait for a connection, and for each step of the handshake. The
            first connection, at the start of a pipeline, gets at most two seconds a step.
        time_field: the field with a record's time: ISO 8601, or seconds since 1970. A record
            without it gets the present time.
    """

    def __init__(
        self,
        tag: str,
        *,
        host: str = "127.0.0.1",
        port: int = 24224,
        endpoints: list[str] | None = None,
        shared_key: Secret | None = None,
        user: str | None = None,
        password: Secret | None = None,
        tls: bool = False,
        ca_file: Path | None = None,
        client_cert: Path | None = None,
        client_key: Path | None = None,
        server_name: str | None = None,
        verify: bool = True,
        compress: bool = False,
        window: int = 32,
        chunk_bytes: int = 64_000,
        max_bytes: int = 6_000_000,
        ack_timeout: float = 30.0,
        connect_timeout: float = 10.0,
        time_field: str = "close_time_iso",
    ) -> None:
        refuse_unless_positive(
            window=window,
            chunk_bytes=chunk_bytes,
            max_bytes=max_bytes,
            ack_timeout=ack_timeout,
            connect_timeout=connect_timeout,
        )
        if not tag:
            raise ConfigError("the tag of Fluent must not be empty")
        self.tag = tag
        # Several windows of chunks, so that the network is busy for most of a batch.
        self.batch_policy = BatchPolicy(count=4 * 500, bytes=4 * 1024 * 1024)
        if not tls and (ca_file or client_cert or client_key or server_name):
            raise ConfigError("ca_file, client_cert, client_key and server_name need tls = true")
        if endpoints is None:
            servers = [Endpoint.of(host, port)]
        else:
            servers = [Endpoint.parse(text) for text in endpoints]
        self._connector = Connector(
            servers,
            tag=tag,
            credentials=_credentials(shared_key, user, password),
            tls=TlsSettings(ca_file, client_cert, client_key, server_name, verify) if tls else None,
        )
        self._connect_timeout = connect_timeout
        self._window = window
        self._ack_timeout = ack_timeout
        self._pack = EntryPacker(time_field)
        self._max_bytes = max_bytes
        self._packing = Packing(
            tag=tag,
            chunk_bytes=min(chunk_bytes, max_bytes),
            compress=compress,
        )
        self._connection: Connection | None = None
        self._delivery: Delivery | None = None
        self._has_acknowledged = False

    def use_instruments(self, instruments: Instruments) -> None:
        """Measure which server is connected: `ekspiper_fluent_connected`, by endpoint."""
        self._connector.use_instruments(instruments)

    @property
    def is_ready(self) -> bool:
        """Whether a server is connected."""
        return self._connection is not None and self._connection.is_open

    @property
    def endpoint(self) -> Endpoint | None:
        """The server that is connected, if any."""
        return self._connection.endpoint if self._connection and self.is_ready else None

    async def open(self) -> None:
        """Try to connect. When the server is not there yet, `collect` waits for it.

        Raises:
            ConfigError: the credentials or the certificate are wrong.
        """
        timeout = min(self._connect_timeout, _PATIENCE_AT_START)
        try:
            self._connection = await self._connector.connect(timeout=timeout, insist=True)
        except Refused as error:
            raise ConfigError(str(error)) from None
        except ConnectionLost as error:
            log.warning("Fluent (%s) has no server yet, records wait: %s", self.tag, error)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def collect(self, batch: Sequence[dict[str, Any]]) -> None:
        """Send a batch; return when all of it is acknowledged.

        Raises:
            BatchError: these members cannot be sent: not an object, too large, too deep, NaN, ...
            Retryable: no server can be reached, or it refuses us, or it does not acknowledge.
        """
        await self._keep(batch, entry=self.encode)

    def encode(self, item: Any) -> bytes:
        """A record as an entry of the forward protocol.

        Raises:
            Permanent: it cannot be sent.
        """
        entry = self._pack(item)
        if len(entry) > self._max_bytes:
            raise Permanent(
                f"the record has {len(entry)} bytes, more than the {self._max_bytes} "
                "that the server takes (max_bytes; Buffer_Max_Size of Fluent Bit)"
            )
        return entry

    def decode(self, encoded: bytes) -> Any:
        """The record of an entry."""
        return unpack_record(encoded)

    async def collect_encoded(self, batch: Sequence[bytes]) -> None:
        """Send entries; return when all of them are acknowledged.

        Raises:
            Retryable: no server can be reached, or it refuses us, or it does not acknowledge.
        """
        await self._keep(batch, entry=bytes)

    async def _keep(self, batch: Sequence[Any], *, entry: Callable[[Any], bytes]) -> None:
        delivery = self._delivery
        if delivery is None or not delivery.is_for(batch):
            delivery = self._delivery = Delivery(list(batch), self._packing, entry=entry)
        try:
            await self._deliver(delivery)
        except asyncio.CancelledError:
            # Acknowledgements that come later must not be taken for those of another call.
            if self._connection is not None:
                self._connection.abort("is not needed any more")
            raise
        self._delivery = None
        if self._connection is not None and not self._connection.keepalive:
            await self.close()
        if delivery.failures:
            raise BatchError(delivery.failures)

    async def _deliver(self, delivery: Delivery) -> None:
        lost = 0
        while delivery.unacknowledged or not delivery.is_packed:
            connection = await self._connected()
            before = delivery.acknowledged
            try:
                await self._send(connection, delivery)
            except ConnectionLost as error:
                self._connector.avoid(connection.endpoint, error)
                # Progress in between makes it another loss: a server may restart again and again.
                lost = 1 if delivery.acknowledged > before else lost + 1
                if lost > 1:
                    raise self._not_acknowledged(error, delivery.unacknowledged[0]) from error

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            self._connection = await self._connector.connect(timeout=self._connect_timeout)
        return self._connection

    async def _send(self, connection: Connection, delivery: Delivery) -> None:
        """Send what is not acknowledged yet, then the rest, with a window of chunks in flight."""
        again = deque(delivery.unacknowledged)
        flying: deque[tuple[Chunk, asyncio.Future[None]]] = deque()
        try:
            while chunk := again.popleft() if again else await delivery.next_chunk():
                # The oldest first: acknowledgements mostly come in order, and one that is late
                # bounds the rest.
                if len(flying) == self._window:
                    await self._acknowledged(connection, *flying[0])
                    delivery.acknowledge(flying.popleft()[0])
                flying.append((chunk, connection.send(chunk)))
                await asyncio.sleep(0)  # packing a chunk takes milliseconds: let others run
            while flying:
                await self._acknowledged(connection, *flying[0])
                delivery.acknowledge(flying.popleft()[0])
        finally:
            # Acknowledgements may have come in for chunks behind the one that failed.
            for chunk, waiting in flying:
                if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                    delivery.acknowledge(chunk)

    async def _acknowledged(
        self, connection: Connection, chunk: Chunk, waiting: asyncio.Future[None]
    ) -> None:
        try:
            async with asyncio.timeout(self._ack_timeout):
                await waiting
            self._has_acknowledged = True
        except TimeoutError:
            raise connection.abort(
                f"did not acknowledge {chunk.records} records within {self._ack_timeout:g} s"
            ) from None

    def _not_acknowledged(self, error: ConnectionLost, chunk: Chunk) -> Retryable:
        what = f"{chunk.records} records ({len(chunk.message)} bytes) are not acknowledged"
        if self._has_acknowledged:
            return Retryable(f"{error}; {what}")
        hint = "does it speak TLS, want a shared key, or take messages of that size?"
        return Retryable(f"{error}; {what}: {hint}")


def _credentials(
    shared_key: Secret | None, user: str | None, password: Secret | None
) -> Credentials | None:
    if (user is None) != (password is None):
        raise ConfigError("user and password of Fluent go together: set both or none")
    if shared_key is None:
        if user is not None:
            raise ConfigError("Fluent asks for a user only together with a key: set shared_key")
        return None
    # A server refuses a client that has its name, and both may run on one machine.
    return Credentials(f"{socket.gethostname()}-ekspiper", shared_key, user, password)
