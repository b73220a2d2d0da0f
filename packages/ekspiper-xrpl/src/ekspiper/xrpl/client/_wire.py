"""One WebSocket: text in through a callback, text out without waiting; and why a connection failed."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import parsedate_to_datetime
from functools import partial
from struct import Struct
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from .answer import Text
from .url import is_loopback, without_credentials

__all__ = [
    "MAX_FRAME",
    "Connect",
    "Connection",
    "TextFrames",
    "Wire",
    "asks_for_less",
    "reason_of",
    "retry_after",
]

MAX_FRAME = 64 * 1024 * 1024
"""A message longer than this many bytes ends the connection before it is read into memory."""

# RFC 6455, section 5.2: the first byte of a text message that comes whole and is not compressed.
_TEXT = 0x81
# Those of a ping and a pong, which may come between messages, and how long each may be.
_LONGEST_OF = {0x89: 125, 0x8A: 125}
# The second byte of what a server sends is a length, or says that it stands in the next two or eight.
_IN_2, _IN_8 = 126, 127
_LENGTH_OF_2, _LENGTH_OF_8 = Struct("!H"), Struct("!Q")

_END_OF_HANDSHAKE = b"\r\n\r\n"

# The close code of an end in order: what we send ourselves is not worth a word.
_NORMAL = 1000

# HTTP 503 comes from servers, 429 from what stands before them.
_ASKS_FOR_LESS = (429, 503)
# A server that asks for a longer pause is tried again after this.
_LONGEST_RETRY_AFTER = 300.0

_NUMBERS = re.compile(r"\[Errno (\d+)\]")


class Connection(Protocol):
    """A connection to a node, as the client uses it.

    Attributes:
        received: bytes that came so far, of whole messages or not.
        close_code: of the closing frame; None while it is open.
    """

    received: int

    @property
    def close_code(self) -> int | None: ...

    def send_now(self, text: bytes) -> None:
        """Put a message into the socket's buffer; ignored when the connection is closing."""

    def drop(self) -> None:
        """End the connection at once."""

    async def close(self) -> None:
        """End it in order."""

    async def closed(self) -> str:
        """Wait until the connection is lost; why it was, in words."""
        ...


class Connect(Protocol):
    """Opens a connection."""

    async def __call__(
        self, url: str, on_text: Callable[[Text], None], *, timeout: float
    ) -> Connection:
        """Connect within this many seconds. Raises what `websockets.connect` raises."""
        ...


class Wire(ClientConnection):
    """A client connection that hands each message to `on_text` as soon as it is there.

    The library makes the connection, answers pings and ends it. Whole messages do not pass through it:
    see `TextFrames`. Beside its public interface this uses only the methods that every
    `asyncio.Protocol` has, so that it does not depend on how the library works inside.
    """

    def __init__(self, *args: Any, on_text: Callable[[Text], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_text = on_text
        self._socket: asyncio.Transport | None = None
        self._reading: asyncio.Task[str] | None = None
        self._frames: TextFrames | None = None
        self._failure: Exception | None = None
        self._is_sending = False
        self.received = 0

    @classmethod
    async def open(cls, url: str, on_text: Callable[[Text], None], *, timeout: float) -> Wire:
        """Connect. Raises what `websockets.connect` raises."""
        local = is_loopback(url)
        address, headers = without_credentials(url)
        connection = await _Connect(
            address,
            additional_headers=headers,
            create_connection=cast("type[ClientConnection]", partial(cls, on_text=on_text)),
            # Deflate halves what comes over a long line and is a pure loss on a short one.
            compression=None if local else "deflate",
            proxy=None if local else True,
            open_timeout=timeout,
            close_timeout=1,
            # `Liveness` pings where nothing else comes; a ping every 20 s would say nothing more.
            ping_interval=None,
            max_size=MAX_FRAME,
            user_agent_header="ekspiper",
        )
        assert isinstance(connection, cls)
        connection._reading = asyncio.create_task(connection._read())
        return connection

    async def _read(self) -> str:
        """Pass on what the library reads until the connection is lost; why it was, in words."""
        try:
            while True:
                self._on_text(await self.recv(decode=False))
        except ConnectionClosed as gone:
            received, sent = gone.rcvd, gone.sent
        if self._failure is not None:
            raise self._failure
        if received is not None:
            return f"closed with {received.code} {received.reason}".rstrip()
        if sent is not None and sent.code != _NORMAL:
            return f"broken off with {sent.code} {sent.reason}".rstrip()
        return "connection lost"

    def send_now(self, text: bytes) -> None:
        """Send a message at the end of this turn of the event loop; ignored when it is closing."""
        if self.state is not State.OPEN:
            return
        # Not by `send`, which may wait: the dispatcher would need a task for each request.
        self.protocol.send_text(text)
        # Requests come in crowds, such as those for all order books of a ledger, and a system call for
        # each would cost as much as everything else that the connection does for it.
        if not self._is_sending:
            self._is_sending = True
            self.loop.call_soon(self._send)

    def _send(self) -> None:
        self._is_sending = False
        # What the library sends meanwhile, such as a pong or the closing frame, goes behind the messages
        # before it, and takes them along.
        if self.state is State.OPEN and self._socket is not None and not self._socket.is_closing():
            self._socket.write(b"".join(self.protocol.data_to_send()))

    def drop(self) -> None:
        """End the connection at once, without the closing handshake a dead peer never answers."""
        if self._socket is not None:
            self._socket.abort()

    async def closed(self) -> str:
        """Wait until the connection is lost; why it was, in words."""
        assert self._reading is not None
        return await asyncio.shield(self._reading)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        super().connection_made(transport)
        self._socket = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came, whole message or not: the peer is alive."""
        self.received += len(data)
        if self._reading is None:
            super().data_received(data)
            # The library has read the opening handshake to its end, and stands before a frame: only
            # then is it known where frames begin.
            at_frame = self.state is State.OPEN and data.endswith(_END_OF_HANDSHAKE)
            self._frames = TextFrames(longest=MAX_FRAME) if at_frame else None
        elif self._frames is None:
            super().data_received(data)
        else:
            self._take(self._frames.split(data))
        if self.state is State.CLOSING and self._socket is not None:
            # The library has answered the closing frame; some servers never end the connection
            # after that.
            self._socket.close()

    def _take(self, pieces: Iterable[tuple[bool, bytes | memoryview]]) -> None:
        try:
            for is_text, piece in pieces:
                if is_text:
                    self._on_text(piece)
                else:
                    super().data_received(bytes(piece))
        except Exception as error:
            # The event loop would log it and do no more; who waits for the end must get it.
            self._failure = error
            self.drop()


class TextFrames:
    """Splits what a server sends into text messages and bytes that the library must look at.

    Servers of the ledger send next to nothing but text messages in one piece. The library parses them
    with generators, copies them twice and hands them over through a queue, which takes longer than
    to prove the ledger in them. Here a message is a view of the bytes that came.

    Pings and pongs are for the library. So is everything from the first other frame on: what is in
    several pieces, compressed, not allowed, or the end. So messages cannot come out of order.

    Args:
        longest: a message of more bytes is left to the library, which refuses it.
    """

    def __init__(self, *, longest: int) -> None:
        self._longest = longest
        self._begun: list[bytes | memoryview] = []
        self._missing = 0
        self._rest = b""
        self._is_over = False

    def split(self, data: bytes) -> Iterator[tuple[bool, bytes | memoryview]]:
        """What is complete now, in order: True and a message, or False and bytes for the library."""
        if self._is_over:
            yield False, data
            return
        at = 0
        if self._missing:
            if len(data) < self._missing:
                self._begun.append(data)
                self._missing -= len(data)
                return
            at, self._missing = self._missing, 0
            message = b"".join((*self._begun, memoryview(data)[:at]))
            self._begun.clear()
            yield True, message
        elif self._rest:
            data, self._rest = self._rest + data, b""
        yield from self._frames(data, at)

    def _frames(self, data: bytes, at: int) -> Iterator[tuple[bool, bytes | memoryview]]:
        view, have = memoryview(data), len(data)
        while at < have:
            kind = data[at]
            is_text = kind == _TEXT
            begin, size = _length(data, at, have)
            longest = self._longest if is_text else _LONGEST_OF.get(kind, -1)
            if size > longest:
                self._is_over = True
                yield False, view[at:]
                return
            end = begin + size
            if is_text and end <= have:
                yield True, view[begin:end]
            elif is_text and begin <= have:
                self._begun, self._missing = [view[begin:]], end - have
                return
            elif end <= have:
                yield False, view[at:end]
            else:  # not even its length is there, or it is a short one
                self._rest = data[at:]
                return
            at = end


def _length(data: bytes, at: int, have: int) -> tuple[int, int]:
    """Where the content of a frame begins, and how long it is; (`have` + 1, 0) while that is unknown."""
    if have - at < 2:
        return have + 1, 0
    size = data[at + 1]
    if size < _IN_2:
        return at + 2, size
    if size > _IN_8:  # masked, which a server must not do
        return at + 2, sys.maxsize
    begin, length = (at + 4, _LENGTH_OF_2) if size == _IN_2 else (at + 10, _LENGTH_OF_8)
    return (begin, *length.unpack_from(data, at + 2)) if begin <= have else (have + 1, 0)


class _Connect(connect):
    """Follows redirects, but takes user and password nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The address to go to, or the error to raise."""
        has_password = bool(self.additional_headers)  # newer versions take it out themselves
        target = super().process_redirect(exc)
        if not isinstance(target, str) or not has_password:
            return target
        if urlsplit(target)[:2] == urlsplit(self.uri)[:2]:
            return target
        return ValueError("redirects to another address, which is not given the password")


def reason_of(error: BaseException, *, url: str, label: str) -> str:
    """In words, with `label` in place of a URL that may hold a secret."""
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE names a file "
            "with certificates to trust"
        )
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # asyncio's own words are "Connect call failed", or those of every address that a name has.
    numbers = set(_NUMBERS.findall(str(error))) if isinstance(error, OSError) else set()
    if len(numbers) == 1:
        return os.strerror(int(numbers.pop()))
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    without_credentials = (
        url.partition("://")[0] + "://" + url.partition("://")[2].rpartition("@")[2]
    )
    return str(text).replace(url, label).replace(without_credentials, label)


def asks_for_less(error: BaseException) -> bool:
    """Whether a connection was refused for load."""
    return isinstance(error, InvalidStatus) and error.response.status_code in _ASKS_FOR_LESS


def retry_after(error: BaseException) -> float | None:
    """The seconds an overloaded server asks to wait, at most 300; None: it does not.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    if not isinstance(error, InvalidStatus) or not asks_for_less(error):
        return None
    text = error.response.headers.get("Retry-After", "")
    try:
        seconds = float(text) if text[:1].isdigit() else _until(text)
        return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)
    except ValueError:
        return None


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()
