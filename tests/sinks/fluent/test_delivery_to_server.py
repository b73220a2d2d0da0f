"""Records reach a forward server that we did not write, whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import BatchError, ConfigError, Flow, Pipeline, Retryable, Secret, Step
from ekspiper.core.testing import RecordingCollector
from ekspiper.sinks.fluent import Fluent


def records(first: int, count: int, size: int = 300) -> list[dict[str, Any]]:
    return [
        {"n": n, "close_time_iso": "2026-11-22T12:01:40Z", "text": "x" * size}
        for n in range(first, first + count)
    ]


async def collect(sink: Fluent, batch: list[dict[str, Any]]) -> None:
    """Collect as the runner does: again and again while it is retryable."""
    while True:
        try:
            return await sink.collect(batch)
        except Retryable:
            await asyncio.sleep(0.02)


def once(numbers: list[int]) -> list[int]:
    """In the order of their first appearance."""
    return list(dict.fromkeys(numbers))


async def test_tag_time_and_record(forward_server: Any) -> None:
    server = await forward_server()
    record = {
        "close_time_iso": "2026-11-22T12:01:40.123456789Z",
        "big": 2**63,
        "negative": -(2**40),
        "text": "é\U0001f600",
        "nothing": None,
        "list": [{"a": [True, 1.5]}],
    }
    async with Fluent("main.transactions", port=server.port) as sink:
        await sink.collect([record, {"no": "time"}])
    first, second = server.taken()
    assert first["tag"] == second["tag"] == "main.transactions"
    assert first["time"] == [1795348900, 123456789]
    assert {**first["record"], "big": 2**63} == record
    assert second["time"][0] > 1_700_000_000


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("compress", [False, True])
async def test_restarts_lose_nothing_and_keep_the_order(
    forward_server: Any, with_signal: signal.Signals, compress: bool
) -> None:
    server = await forward_server()
    total, batch = 6000, 500
    async with Fluent("t", port=server.port, chunk_bytes=20_000, compress=compress) as sink:

        async def send() -> None:
            for first in range(0, total, batch):
                await collect(sink, records(first, batch))

        sending = asyncio.create_task(send())
        for taken in (1000, 3000):
            await server.has_taken(taken)
            await server.restart(with_signal)
        await sending
    assert once([record["n"] for record in server.records()]) == list(range(total))


async def test_a_retried_batch_goes_on_where_it_stopped(forward_server: Any) -> None:
    server = await forward_server()
    batch = records(0, 100)
    async with Fluent("t", port=server.port, chunk_bytes=4000, window=1) as sink:
        await collect(sink, records(1000, 1))
        sending = asyncio.create_task(sink.collect(batch))
        await server.has_taken(30)
        await server.stop(signal.SIGKILL)
        with pytest.raises(Retryable, match=r"no connection|closed the connection"):
            await sending
        await server.start()
        await sink.collect(batch)
    numbers = [record["n"] for record in server.records()][1:]
    assert once(numbers) == list(range(100))
    assert len(numbers) <= 100 + 12  # the one chunk whose acknowledgement was lost, at most


async def test_an_idle_connection_that_was_closed_is_no_failure(forward_server: Any) -> None:
    server = await forward_server()
    async with Fluent("t", port=server.port) as sink:
        await sink.collect(records(0, 1))
        assert sink.is_ready
        await server.restart()
        await sink.collect(records(1, 1))
    assert [record["n"] for record in server.records()] == [0, 1]


async def test_a_server_that_comes_later(forward_server: Any) -> None:
    server = await forward_server()
    await server.stop()
    async with Fluent("t", port=server.port) as sink:
        assert not sink.is_ready
        with pytest.raises(Retryable, match=f"no connection to 127.0.0.1:{server.port}"):
            await sink.collect(records(0, 1))
        await server.start()
        await sink.collect(records(0, 1))
    assert [record["n"] for record in server.records()] == [0]


async def test_failover(forward_server: Any) -> None:
    one, two = await forward_server("one"), await forward_server("two")
    endpoints = [f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"]
    async with Fluent("t", endpoints=endpoints) as sink:
        await sink.collect(records(0, 10))
        await one.stop(signal.SIGKILL)
        await sink.collect(records(10, 10))
        await one.start()
        await two.stop(signal.SIGKILL)
        await sink.collect(records(20, 10))
    assert [record["n"] for record in one.records()] == [*range(10), *range(20, 30)]
    assert [record["n"] for record in two.records()] == [*range(10, 20)]


SECURITY = {
    "serverHostname": "the-server",
    "sharedKey": "s3cret-key",
    "authorize": True,
    "userDict": {"ana": "pa55"},
}


async def test_shared_key_and_user(forward_server: Any) -> None:
    server = await forward_server(security=SECURITY)
    async with Fluent(
        "t", port=server.port, shared_key=Secret("s3cret-key"), user="ana", password=Secret("pa55")
    ) as sink:
        await sink.collect(records(0, 5))
        await server.restart(signal.SIGKILL)
        await collect(sink, records(5, 5))
    assert [record["n"] for record in server.records()] == [*range(10)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "asks for a shared key: set shared_key"),
        ({"shared_key": "wrong-key", "user": "ana", "password": "pa55"}, "shared key mismatch"),
        ({"shared_key": "s3cret-key"}, "missing authentication.*; we sent no user: set user and"),
        ({"shared_key": "s3cret-key", "user": "ana", "password": "wrong-pw"}, "password mismatch"),
        ({"shared_key": "s3cret-key", "user": "bob", "password": "pa55"}, "password mismatch"),
    ],
)
async def test_wrong_credentials(forward_server: Any, options: Any, says: str) -> None:
    server = await forward_server(security=SECURITY)
    for name in ("shared_key", "password"):
        if name in options:
            options = {**options, name: Secret(options[name])}
    sink = Fluent("t", port=server.port, **options)
    if options:
        with pytest.raises(ConfigError, match=says) as refused:
            await sink.open()
    else:
        await sink.open()
    with pytest.raises(Retryable, match=says) as caught:
        await sink.collect(records(0, 5))
    await sink.close()
    errors = [caught.value, *([refused.value] if options else [])]
    shown = "".join("".join(traceback.format_exception(error)) for error in errors) + repr(
        vars(sink)
    )
    for secret in ("s3cret-key", "wrong-key", "wrong-pw", "pa55"):
        assert secret not in shown
    assert server.records() == []


KEY = Secret("s3cret-key")
LIKE_FLUENT_BIT = {
    "likeFluentBit": True,
    "security": {"serverHostname": "the-server", "sharedKey": "s3cret-key", "authorize": False},
}


async def test_a_shared_key_alone_is_enough_for_fluent_bit(forward_server: Any) -> None:
    """It sends a salt for a user, although it has no users."""
    server = await forward_server(**LIKE_FLUENT_BIT)
    async with Fluent("t", port=server.port, shared_key=KEY) as sink:
        await sink.collect(records(0, 5))
    async with Fluent(
        "t", port=server.port, shared_key=KEY, user="ana", password=Secret("pa55")
    ) as sink:
        await sink.collect(records(5, 5))
    assert [record["n"] for record in server.records()] == [*range(10)]
    with pytest.raises(ConfigError, match=r"after our PING: is the shared key right\? It did so 3"):
        await Fluent("t", port=server.port, shared_key=Secret("wrong-key")).open()


async def test_fluent_bit_with_users(forward_server: Any) -> None:
    server = await forward_server(likeFluentBit=True, security=SECURITY)
    user: dict[str, Any] = {"user": "ana", "password": Secret("pa55")}
    async with Fluent("t", port=server.port, shared_key=KEY, **user) as sink:
        await sink.collect(records(0, 5))
    assert [record["n"] for record in server.records()] == [*range(5)]
    with pytest.raises(ConfigError, match="we sent no user: set user and password"):
        await Fluent("t", port=server.port, shared_key=KEY).open()


class Told(logging.Handler):
    """Waits until the log says something."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.event.set()

    def __enter__(self) -> None:
        logging.getLogger("ekspiper").addHandler(self)

    def __exit__(self, *error: object) -> None:
        logging.getLogger("ekspiper").removeHandler(self)


@pytest.mark.parametrize("like_fluent_bit", [False, True])
async def test_a_key_that_is_changed_under_a_pipeline_holds_it(
    forward_server: Any, like_fluent_bit: bool
) -> None:
    """No record becomes a dead letter: it is an outage of the sink, and it is told."""
    right = {**LIKE_FLUENT_BIT, "likeFluentBit": like_fluent_bit}
    changed = {"security": {**SECURITY, "authorize": False, "sharedKey": "another"}}
    server = await forward_server(**right)
    letters: RecordingCollector[Any] = RecordingCollector()
    sink = Fluent("t", port=server.port, shared_key=KEY)
    held, goes_on = Told("is failing"), asyncio.Event()

    async def source() -> AsyncIterator[dict[str, Any]]:
        yield records(0, 1)[0]
        await server.has_taken(1)
        await server.stop()
        server.change(**{**right, **changed})
        await server.start()
        for record in records(1, 50):
            yield record
        await goes_on.wait()

    flow = Flow("f", source=source(), steps=(Step(lambda one: one, collectors=(sink,)),))
    run = asyncio.create_task(Pipeline(flow).run(dead_letters=letters))
    with held:
        await held.event.wait()
    await asyncio.sleep(0.3)  # several more tries
    assert not run.done()
    await server.stop()
    server.change(**right)
    await server.start()
    goes_on.set()
    report = await run
    assert report.dead_lettered == 0
    assert not letters.items
    assert once([record["n"] for record in server.records()]) == [*range(51)]


@pytest.fixture(scope="session")
def make_certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, str]]:
    """Makes certificates of their own authority, for localhost."""
    return lambda: _certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def certificate(make_certificate: Callable[[], dict[str, str]]) -> dict[str, str]:
    """One of them."""
    return make_certificate()


def _certificate(folder: Path) -> dict[str, str]:
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost",
        shell=True,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return {"key": str(folder / "key.pem"), "cert": str(folder / "cert.pem")}


async def test_tls(forward_server: Any, certificate: dict[str, str]) -> None:
    server = await forward_server(tls=certificate, security=SECURITY)
    options: dict[str, Any] = {
        "port": server.port,
        "tls": True,
        "shared_key": Secret("s3cret-key"),
        "user": "ana",
        "password": Secret("pa55"),
    }
    trusted = {"ca_file": Path(certificate["cert"]), "server_name": "localhost"}
    async with Fluent("t", **options, **trusted) as sink:
        await sink.collect(records(0, 5000))
    async with Fluent("t", **options, verify=False) as sink:
        await sink.collect(records(5000, 1))
    assert [record["n"] for record in server.records()] == [*range(5001)]
    for wrong in ({}, {"ca_file": Path(certificate["cert"])}):
        with pytest.raises(ConfigError, match=r"is not trusted: .*; see ca_file and server_name"):
            await Fluent("t", **options, **wrong).open()


async def test_a_certificate_that_is_changed_under_a_sink_holds_it(
    forward_server: Any, certificate: dict[str, str], make_certificate: Any, tmp_path: Path
) -> None:
    """Once the file with the trusted certificates is changed as well, it works again."""
    trusted = tmp_path / "trusted.pem"
    shutil.copy(certificate["cert"], trusted)
    server = await forward_server(tls=certificate)
    sink = Fluent("t", port=server.port, tls=True, ca_file=trusted, server_name="localhost")
    async with sink:
        await sink.collect(records(0, 5))
        other = make_certificate()
        await server.stop()
        server.change(tls=other)
        await server.start()
        for _ in range(3):
            with pytest.raises(Retryable, match=r"is not trusted: .*; see ca_file"):
                await sink.collect(records(5, 5))
        trusted.write_text("half of a cert")
        with pytest.raises(Retryable, match=r"ca_file .* cannot be used"):
            await sink.collect(records(5, 5))
        shutil.copy(other["cert"], trusted)
        await collect(sink, records(5, 5))
    assert once([record["n"] for record in server.records()]) == [*range(10)]


async def test_client_certificates(forward_server: Any, certificate: dict[str, str]) -> None:
    both = {**certificate, "ca": certificate["cert"], "requestCert": True}
    server = await forward_server(tls={**both, "rejectUnauthorized": True})
    options: dict[str, Any] = {
        "port": server.port,
        "tls": True,
        "ca_file": Path(certificate["cert"]),
        "server_name": "localhost",
    }
    mine = {"client_cert": Path(certificate["cert"]), "client_key": Path(certificate["key"])}
    async with Fluent("t", **options, **mine) as sink:
        await sink.collect(records(0, 3))
    async with Fluent("t", **options) as sink:
        with pytest.raises(Retryable, match=r"(?i)certificate|closed the connection"):
            await sink.collect(records(3, 3))
    assert [record["n"] for record in server.records()] == [0, 1, 2]


async def test_plain_and_tls_do_not_mix(forward_server: Any, certificate: dict[str, str]) -> None:
    plain, tls = await forward_server("plain"), await forward_server("tls", tls=certificate)
    async with Fluent("t", port=tls.port, ack_timeout=5) as sink:
        with pytest.raises(Retryable, match="does it speak TLS"):
            await sink.collect(records(0, 1))
    async with Fluent("t", port=plain.port, tls=True, connect_timeout=5) as sink:
        with pytest.raises(Retryable, match="no connection to"):
            await sink.collect(records(0, 1))
    assert ssl.OPENSSL_VERSION  # both sides are OpenSSL


async def test_bad_records_fail_alone(forward_server: Any) -> None:
    server = await forward_server()
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": deep}
    bad = [
        {"hash": "AB", "x": float("inf")},
        {"x": object()},
        {"x": 2**64},
        {"x": "\ud800"},
        ["no", "object"],
        {"close_time_iso": "yesterday"},
        {"close_time_iso": "2200-01-01T00:00:00Z"},
        {"close_time_iso": ["list"]},
        {"text": "x" * 2_000_000},
        deep,
    ]
    batch = [member for pair in zip(records(0, len(bad)), bad, strict=True) for member in pair]
    async with Fluent("t", port=server.port, max_bytes=1_000_000) as sink:
        with pytest.raises(BatchError) as caught:
            await sink.collect(batch)  # type: ignore[arg-type]
        failures = caught.value.failures
        assert list(failures) == [*range(1, len(batch), 2)]
        assert "(hash 'AB')" in str(failures[1])
        assert "the 1000000 that the server takes" in str(failures[17])
        with pytest.raises(BatchError):
            await sink.collect([deep])
    assert [record["n"] for record in server.records()] == [*range(len(bad))]


async def test_a_large_record_goes_alone(forward_server: Any) -> None:
    server = await forward_server()
    batch = [*records(0, 2), *records(2, 1, size=5_900_000), *records(3, 2)]
    async with Fluent("t", port=server.port) as sink:
        await sink.collect(batch)
    assert server.records() == batch


async def test_others_run_between_the_chunks(forward_server: Any) -> None:
    server = await forward_server()
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with Fluent("t", port=server.port, chunk_bytes=10_000, window=1000) as sink:
        await sink.collect(records(0, 1))
        watching = asyncio.create_task(watch())
        await sink.collect(records(1, 3000))
        watching.cancel()
    assert turns > 100  # about as many chunks, and no acknowledgement to wait for in between


@pytest.mark.slow
async def test_a_hundred_thousand_records_over_ten_restarts(forward_server: Any) -> None:
    server = await forward_server()
    total, batch = 100_000, 2000
    async with Fluent("t", port=server.port, chunk_bytes=100_000) as sink:

        async def send() -> None:
            for first in range(0, total, batch):
                await collect(sink, records(first, batch))

        sending = asyncio.create_task(send())
        for restart in range(1, 11):
            await server.has_taken(restart * 9000)
            await server.restart(signal.SIGKILL if restart % 2 else signal.SIGTERM)
        await sending
    numbers = [record["n"] for record in server.records()]
    assert once(numbers) == list(range(total))
    assert len(numbers) < total * 1.2
