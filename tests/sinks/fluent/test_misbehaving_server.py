"""Servers that break the protocol, each in its own way: nothing is lost, and the line says why."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from ekspiper.core import ConfigError, Retryable, Secret
from ekspiper.core.testing import RecordingInstruments
from ekspiper.sinks.fluent import Fluent, _connector
from ekspiper.sinks.fluent._connection import Connection
from ekspiper.sinks.fluent._delivery import pack_chunk
from ekspiper.sinks.fluent._endpoint import Endpoint

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BATCH = [{"n": n, "text": "x" * 500} for n in range(20)]


class Scripted:
    """A server that does with each connection what the next of its scripts says."""

    def __init__(self) -> None:
        self.scripts: list[Talk] = []
        self.connections = 0
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    server = Scripted()
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Any]:
    unpacker = msgpack.Unpacker(raw=True, max_buffer_size=0)
    while data := await reader.read(1 << 16):
        unpacker.feed(data)
        for message in unpacker:
            yield message


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads and never answers."""
    while await reader.read(1 << 16):
        pass


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes on the first byte."""
    await reader.read(1)


async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as a web server does."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


def taking(stored: list[list[Any]], *, acknowledge: int = 1 << 30, key: str = "chunk") -> Talk:
    """Stores chunks, and acknowledges the first of them."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = acknowledge
        async for _tag, entries, option in messages(reader):
            stored.append([record for _, record in msgpack.Unpacker(_feed(entries))])
            assert type(option[b"chunk"]) is bytes  # raw mode: both str and bin
            if left:
                left -= 1
                writer.write(msgpack.packb({"ack": option[b"chunk"].decode()}))
            else:
                return

    return talk


def _feed(data: bytes) -> Any:
    return io.BytesIO(data)


async def test_never_acknowledged(scripted: Scripted) -> None:
    scripted.scripts = [silent]
    async with Fluent("t", port=scripted.port, ack_timeout=0.1) as sink:
        with pytest.raises(Retryable, match=r"did not acknowledge 20 records within 0\.1 s"):
            await sink.collect(BATCH)
    assert scripted.connections == 2


async def test_failover_from_a_server_that_hangs(scripted: Scripted) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [silent, taking(stored)]
    endpoints = [f"127.0.0.1:{scripted.port}", f"localhost:{scripted.port}"]
    async with Fluent("t", endpoints=endpoints, ack_timeout=0.5) as sink:
        await sink.collect(BATCH)
        assert str(sink.endpoint) == endpoints[1]
        await sink.collect(BATCH)
    assert stored == [BATCH, BATCH]
    assert scripted.connections == 2


async def test_closed_without_acknowledgement(scripted: Scripted) -> None:
    scripted.scripts = [closing]
    async with Fluent("t", port=scripted.port) as sink:
        with pytest.raises(Retryable, match=r"closed the connection.*; 20 records \(1\d+ bytes\)"):
            await sink.collect(BATCH)


async def test_not_the_protocol(scripted: Scripted) -> None:
    scripted.scripts = [rubbish]
    async with Fluent("t", port=scripted.port) as sink:
        with pytest.raises(Retryable, match="does not speak the forward protocol: its answer"):
            await sink.collect(BATCH)


async def test_only_what_is_not_acknowledged_is_sent_again(scripted: Scripted) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [taking(stored, acknowledge=3), taking(stored)]
    async with Fluent("t", port=scripted.port, chunk_bytes=1100, window=2) as sink:
        await sink.collect(BATCH)
    numbers = [[record["n"] for record in chunk] for chunk in stored]
    assert scripted.connections == 2
    assert [n for chunk in numbers for n in chunk] == [*range(8), *range(6, 20)]


async def test_a_batch_given_up_and_given_again_sends_the_rest(scripted: Scripted) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [taking(stored, acknowledge=2), closing, taking(stored)]
    async with Fluent("t", port=scripted.port, chunk_bytes=1100, window=1) as sink:
        with pytest.raises(Retryable):
            await sink.collect(BATCH)
        await sink.collect(list(BATCH))
        await sink.collect(BATCH[:1])
    numbers = [record["n"] for chunk in stored for record in chunk]
    assert numbers == [*range(6), *range(4, 20), 0]


async def test_the_window_bounds_what_is_in_flight(scripted: Scripted) -> None:
    unanswered: list[bytes] = []
    most = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        writer.write(msgpack.packb({"ack": "of a chunk that it never got"}))
        async for _tag, _entries, option in messages(reader):
            unanswered.append(option[b"chunk"])
            most = max(most, len(unanswered))
            if len(unanswered) == 3:
                await asyncio.sleep(0.02)  # long enough for one more, if it were sent
                writer.write(b"".join(msgpack.packb({"ack": name}) for name in unanswered))
                unanswered.clear()

    scripted.scripts = [talk]
    async with Fluent("t", port=scripted.port, chunk_bytes=1100, window=3) as sink:
        await sink.collect(BATCH[:18])
    assert most == 3


def greeting(
    *, nonce: bytes, auth: bytes, answer: Callable[[Any], bytes | None], then: Talk = silent
) -> Talk:
    """Greets as Fluent Bit does: bytes that are not UTF-8, packed as text, and no keepalive."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packer = msgpack.Packer(use_bin_type=False)
        writer.write(packer.pack(["HELO", {"nonce": nonce, "auth": auth}]))
        ping = msgpack.unpackb(await reader.read(1 << 16))
        assert all(type(part) is str for part in ping)
        pong = answer(ping)
        if pong is not None:
            writer.write(pong)
            await then(reader, writer)

    return talk


NONCE, AUTH, KEY = b"\xff\x00nonce\x80", b"\xfe\xfdauth", b"the key"


def right_pong(ping: list[str]) -> bytes:
    _, hostname, salt, digest, user, password = ping
    assert digest == _sha512(salt.encode(), hostname.encode(), NONCE, KEY)
    assert (user, password) == ("ana", _sha512(AUTH, b"ana", b"pw"))
    mine = _sha512(salt.encode(), b"server", NONCE, KEY)
    packed: bytes = msgpack.packb(["PONG", True, "", "server", mine])
    return packed


def _sha512(*parts: bytes) -> str:
    return hashlib.sha512(b"".join(parts)).hexdigest()


def authenticated(port: int, **options: Any) -> Fluent:
    return Fluent(
        "t",
        port=port,
        shared_key=Secret(KEY.decode()),
        user="ana",
        password=Secret("pw"),
        **options,
    )


async def test_a_handshake_in_raw_bytes(scripted: Scripted) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [greeting(nonce=NONCE, auth=AUTH, answer=right_pong, then=taking(stored))]
    async with authenticated(scripted.port) as sink:
        await sink.collect(BATCH)
    assert stored == [BATCH]


async def test_a_server_that_does_not_know_the_key(scripted: Scripted) -> None:
    def pong(ping: list[str]) -> bytes:
        packed: bytes = msgpack.packb(["PONG", True, "", "server", "0" * 128])
        return packed

    scripted.scripts = [greeting(nonce=NONCE, auth=AUTH, answer=pong)]
    with pytest.raises(ConfigError, match="it is not the right server"):
        await authenticated(scripted.port).open()


async def test_closed_on_ping_is_a_wrong_key(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connector, "_HANDSHAKE_PAUSE", 0.01)
    scripted.scripts = [greeting(nonce=NONCE, auth=b"", answer=lambda ping: None)]
    with pytest.raises(ConfigError, match="is the shared key right"):
        await authenticated(scripted.port).open()
    assert scripted.connections == 3


async def test_closed_on_ping_by_a_server_that_knew_us_is_a_restart(scripted: Scripted) -> None:
    stored: list[list[Any]] = []
    right = greeting(nonce=NONCE, auth=AUTH, answer=right_pong, then=taking(stored, acknowledge=0))
    wrong = greeting(nonce=NONCE, auth=AUTH, answer=lambda ping: None)
    scripted.scripts = [right, wrong]
    async with authenticated(scripted.port) as sink:
        with pytest.raises(Retryable, match="is the shared key right"):
            await sink.collect(BATCH)


async def test_no_handshake_where_one_was_expected(scripted: Scripted) -> None:
    scripted.scripts = [silent]
    async with authenticated(scripted.port, connect_timeout=0.5) as sink:
        with pytest.raises(Retryable, match="sends no HELO: does it use a shared key"):
            await sink.collect(BATCH)


@pytest.mark.parametrize("helo", [["HELO"], ["HELO", 1], ["HELO", {"nonce": 7}], "x", {"ack": "y"}])
async def test_a_strange_greeting(scripted: Scripted, helo: Any) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(msgpack.packb(helo))
        await reader.read()

    scripted.scripts = [talk]
    async with authenticated(scripted.port) as sink:
        with pytest.raises(Retryable, match="does not speak the forward protocol"):
            await sink.collect(BATCH)


@pytest.mark.parametrize("pong", [["PONG", False], ["PONG", False, "no"], ["PONG", True]])
async def test_a_pong_that_refuses(scripted: Scripted, pong: Any) -> None:
    scripted.scripts = [greeting(nonce=NONCE, auth=b"", answer=lambda ping: msgpack.packb(pong))]
    sink = authenticated(scripted.port)
    with pytest.raises(ConfigError, match=r"refuses our credentials|not the right server"):
        await sink.open()
    with pytest.raises(Retryable, match=r"refuses our credentials|not the right server"):
        await sink.collect(BATCH)


async def test_no_pong(scripted: Scripted) -> None:
    scripted.scripts = [
        greeting(nonce=NONCE, auth=b"", answer=lambda ping: msgpack.packb(["PONG"]))
    ]
    async with authenticated(scripted.port) as sink:
        with pytest.raises(Retryable, match="PONG expected"):
            await sink.collect(BATCH)


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("shared_key mismatch", "shared_key must be the one that the server has"),
        ("username/password mismatch", "we sent no user: set user and password"),
    ],
)
async def test_advice_is_about_what_is_refused(
    scripted: Scripted, reason: str, advice: str
) -> None:
    refusal = ["PONG", False, reason, "server", ""]
    answer = msgpack.packb(refusal)
    scripted.scripts = [greeting(nonce=NONCE, auth=b"salt", answer=lambda ping: answer)]
    sink = Fluent("t", port=scripted.port, shared_key=Secret(KEY.decode()))
    with pytest.raises(ConfigError, match=f"{reason}; {advice}$"):
        await sink.open()
    await sink.close()


async def test_keepalive_refused_by_the_server(scripted: Scripted) -> None:
    stored: list[list[Any]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        helo = ["HELO", {"nonce": NONCE, "auth": AUTH, "keepalive": False}]
        writer.write(msgpack.packb(helo))
        writer.write(right_pong(msgpack.unpackb(await reader.read(1 << 16))))
        await taking(stored)(reader, writer)

    scripted.scripts = [talk]
    async with authenticated(scripted.port) as sink:
        await sink.collect(BATCH)
        assert not sink.is_ready
        await sink.collect(BATCH)
    assert stored == [BATCH, BATCH]


async def test_cancelled_while_it_waits(scripted: Scripted) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [silent, taking(stored)]
    async with Fluent("t", port=scripted.port) as sink:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sink.collect(BATCH)
        assert not sink.is_ready
        await sink.collect(BATCH)
    assert stored == [BATCH]


async def test_a_salt_without_users_gets_an_empty_user(scripted: Scripted) -> None:
    """As Fluent Bit does without users."""
    stored: list[list[Any]] = []

    def pong(ping: list[str]) -> bytes:
        _, hostname, salt, digest, user, password = ping
        assert digest == _sha512(salt.encode(), hostname.encode(), NONCE, KEY)
        assert (user, password) == ("", "")
        mine = _sha512(salt.encode(), b"server", NONCE, KEY)
        packed: bytes = msgpack.packb(["PONG", True, "", "server", mine])
        return packed

    scripted.scripts = [greeting(nonce=NONCE, auth=AUTH, answer=pong, then=taking(stored))]
    async with Fluent("t", port=scripted.port, shared_key=Secret(KEY.decode())) as sink:
        await sink.collect(BATCH)
    assert stored == [BATCH]


async def test_a_server_that_does_not_greet_hardly_delays_the_start(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ekspiper.sinks.fluent.fluent._PATIENCE_AT_START", 1.0)
    scripted.scripts = [silent]
    async with asyncio.timeout(30), authenticated(scripted.port, connect_timeout=600.0):
        pass
    (line,) = caplog.messages
    assert line.startswith("Fluent (t) has no server yet, records wait: the Fluent server 127.")
    assert "sends no HELO: does it use a shared key? (waited 1 s)" in line


async def test_an_error_without_a_text_is_named(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reset(*arguments: Any, **options: Any) -> Any:
        raise ConnectionResetError

    loop = asyncio.get_running_loop()
    sink = Fluent("t", port=scripted.port)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "create_connection", reset)
        with pytest.raises(Retryable, match=r"no connection to .*: ConnectionResetError$"):
            await sink.collect(BATCH)
    connection = Connection(Endpoint("host", 1), greets=False)
    connection.connection_lost(ConnectionResetError())
    with pytest.raises(Retryable, match=r"closed the connection \(ConnectionResetError\)$"):
        await connection.send(pack_chunk("t", [], compress=False))


async def test_failover_is_told_once_and_measured(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [
        taking(stored, acknowledge=1),  # the first endpoint, which then closes
        taking(stored),  # the second
    ]
    one, two = endpoints = [f"127.0.0.1:{scripted.port}", f"localhost:{scripted.port}"]
    instruments = RecordingInstruments()
    sink = Fluent("t", endpoints=endpoints)
    sink.use_instruments(instruments)

    def connected() -> list[float]:
        name = "ekspiper_fluent_connected"
        return [instruments.last(name, tag="t", endpoint=each) for each in endpoints]

    assert connected() == [0, 0]
    async with sink:
        assert connected() == [1, 0]
        await sink.collect(BATCH)
        assert not caplog.messages
        await sink.collect(BATCH)
        assert connected() == [0, 1]
        await sink.collect(BATCH)
    assert connected() == [0, 0]
    (line,) = caplog.messages
    assert line == (
        f"Fluent (t) now sends to {two} instead of {one}: "
        f"the Fluent server {one} closed the connection"
    )
    for endpoint in endpoints:
        total = instruments.total("ekspiper_fluent_connections_total", endpoint=endpoint)
        assert total == 1


async def test_a_first_choice_that_is_not_there_is_told(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.scripts = [silent]
    async with Fluent("t", endpoints=["/no/such.sock", f"127.0.0.1:{scripted.port}"]):
        pass
    assert caplog.messages == [
        f"Fluent (t) now sends to 127.0.0.1:{scripted.port} instead of /no/such.sock: "
        "no connection to /no/such.sock: No such file or directory"
    ]


@pytest.mark.parametrize("form", ["{}", "unix:{}", "unix://{}"])
async def test_a_unix_socket(scripted: Scripted, tmp_path: Path, form: str) -> None:
    stored: list[list[Any]] = []
    scripted.scripts = [taking(stored)]
    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(scripted.talk, path):
        async with Fluent("t", host=form.format(path)) as sink:
            await sink.collect(BATCH)
            assert str(sink.endpoint) == path
        async with Fluent("t", endpoints=[form.format(path)]) as sink:
            await sink.collect(BATCH)
    assert stored == [BATCH, BATCH]
