"""The collector that sends records to Fluent Bit or Fluentd, and waits for the answer."""

from __future__ import annotations

import asyncio
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
    Permanent,
    Retryable,
    Secret,
)

from .chunk import Chunk
from .connection import Connection, ConnectionLost
from .connector import Connector
from .delivery import Delivery, Packing
from .endpoint import Endpoint
from .entry import EntryPacker, unpack_record
from .handshake import Credentials
from .tls import tls_context

__all__ = ["Fluent"]


class Fluent(Collector[dict[str, Any]]):
    """Sends records over the Fluent forward protocol. At least once, in order.

    Kept means that the server has acknowledged every chunk of the batch; what that means on its
    side is in docs/fluent.md. A lost connection is made again and what was not acknowledged is
    sent again, so that a record may be stored twice and none is lost. When no server can be
    reached, or a connection is lost twice without an acknowledgement in between, `collect` raises
    `Retryable`; called again with the same batch it goes on with what is missing. Everything
    waits in the loop, nothing blocks it.

    Args:
        tag: of every record.
        host: of the server.
        port: of the server.
        endpoints: `host:port`, instead of host and port: the first that can be reached is used,
            and the next one, round and round, when it fails.
        shared_key: of a server that asks for one.
        user: and the password: of a server that asks for a user, too.
        password: see `user`.
        tls: use it.
        ca_file: the certificates to trust, instead of the system's.
        client_cert: with its key in `client_key` or the same file: our certificate.
        client_key: see `client_cert`.
        server_name: that the server's certificate must have, instead of the host.
        verify: false takes any certificate.
        compress: with gzip. Costs more time than it saves on a fast network.
        window: unacknowledged chunks in flight at once.
        chunk_bytes: of the entries in a chunk, at most, unless a single record has more. Servers
            that decode records take small chunks faster than large ones; `window` of them keep
            the network busy.
        max_bytes: a larger record is refused: Fluent Bit takes 6,144,000 (`Buffer_Max_Size`).
        ack_timeout: seconds to wait for an acknowledgement.
        connect_timeout: seconds to wait for a connection, and for each step of the handshake.
        time_field: holds the time of a record: ISO 8601, or seconds since 1970. A record without
            it gets the present.
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
        _check_positive(
            window=window,
            chunk_bytes=chunk_bytes,
            max_bytes=max_bytes,
            ack_timeout=ack_timeout,
            connect_timeout=connect_timeout,
        )
        if not tag:
            raise ConfigError("the tag of Fluent must not be empty")
        self.tag = tag
        self.batch_policy = BatchPolicy(count=4 * 500, bytes=4 * 1024 * 1024)
        context = None
        if tls:
            context = tls_context(
                ca_file=ca_file, client_cert=client_cert, client_key=client_key, verify=verify
            )
        elif ca_file or client_cert or client_key or server_name:
            raise ConfigError("ca_file, client_cert, client_key and server_name need tls = true")
        self._connector = Connector(
            [f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"]
            if endpoints is None
            else endpoints,
            credentials=_credentials(shared_key, user, password),
            tls=context,
            server_name=server_name,
            timeout=connect_timeout,
        )
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

    @property
    def is_ready(self) -> bool:
        """Whether a server is connected."""
        return self._connection is not None and self._connection.is_open

    @property
    def endpoint(self) -> Endpoint | None:
        """The server that is connected; None when none is."""
        return self._connection.endpoint if self._connection and self.is_ready else None

    async def open(self) -> None:
        """Try to connect. A server that is not there yet is no error: `collect` waits for it.

        Raises:
            ConfigError: the credentials or the certificate are wrong.
        """
        try:
            await self._connected()
        except Permanent as error:
            raise ConfigError(str(error)) from None
        except ConnectionLost:
            return

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def collect(self, batch: Sequence[dict[str, Any]]) -> None:
        """Send a batch; return when all of it is acknowledged.

        Raises:
            BatchError: these members cannot be sent: no objects, too large, NaN, a bad time, ...
            Retryable: no server can be reached, or it does not acknowledge.
            Permanent: the credentials or the certificate are wrong.
        """
        await self._keep(batch, entry=self.encode)

    def encode(self, item: Any) -> bytes:
        """A record as an entry of the forward protocol. Without a time of its own it gets this.

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
            Retryable: no server can be reached, or it does not acknowledge.
            Permanent: the credentials or the certificate are wrong.
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
                self._connector.avoid(connection.endpoint)
                lost = 1 if delivery.acknowledged > before else lost + 1
                if lost > 1:
                    raise self._not_acknowledged(error, delivery.unacknowledged[0]) from error

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            self._connection = await self._connector.connect()
        return self._connection

    async def _send(self, connection: Connection, delivery: Delivery) -> None:
        """Send what is not acknowledged yet, then the rest, with a window of chunks in flight."""
        again = deque(delivery.unacknowledged)
        flying: deque[tuple[Chunk, asyncio.Future[None]]] = deque()
        try:
            while chunk := again.popleft() if again else await delivery.next_chunk():
                if len(flying) == self._window:
                    await self._acknowledged(connection, *flying[0])
                    delivery.acknowledge(flying.popleft()[0])
                flying.append((chunk, connection.send(chunk)))
                await asyncio.sleep(0)  # packing a chunk takes milliseconds: let others run
            while flying:
                await self._acknowledged(connection, *flying[0])
                delivery.acknowledge(flying.popleft()[0])
        finally:
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
    # A server refuses a client of its own name, and both may run on one machine.
    return Credentials(f"{socket.gethostname()}-ekspiper", shared_key, user, password)


def _check_positive(**options: float) -> None:
    for name, value in options.items():
        if value <= 0:
            raise ConfigError(f"{name} of Fluent must be more than 0, not {value}")
