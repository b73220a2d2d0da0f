"""Nodes behind TLS, behind a path, with credentials in the URL, and over a long line."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ekspiper.xrpl.client import NodePool, NodeUnreachable, RequestError
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.sources import LedgerRange


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of localhost, with its key."""
    file = tmp_path_factory.mktemp("tls") / "node.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    made = subprocess.run(
        [*command.split(), "-keyout", file, "-out", file.with_suffix(".crt")],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"openssl cannot make a certificate: {made.stderr.decode()}")
    file.write_bytes(file.read_bytes() + file.with_suffix(".crt").read_bytes())
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def wss(node: Any) -> str:
    return f"wss://localhost:{node.port}"


async def problem_of(url: str) -> str:
    """Why a node cannot be reached, as soon as that is known."""
    pool = NodePool(url)
    opening = asyncio.create_task(pool.open())
    while not (problem := pool.nodes()[0].problem):  # noqa: ASYNC110  (no event tells of it)
        await asyncio.sleep(0.01)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    return problem


async def test_certificate_that_is_trusted_by_a_file(
    node: Any,
    tls: ssl.SSLContext,
    certificate: Path,
    ledgers: Any,
    fetch_in_order: Any,
    is_whole: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    only = await node(ssl=tls)
    async with NodePool(wss(only), connect_timeout=5) as pool:
        source = LedgerRange(pool, [(min(ledgers), max(ledgers))])
        assert is_whole(await fetch_in_order(pool, source), ledgers)


async def test_certificate_that_is_not_trusted(node: Any, tls: ssl.SSLContext) -> None:
    only = await node(ssl=tls)
    assert await problem_of(wss(only)) == (
        "its certificate is not trusted: self-signed certificate; "
        "SSL_CERT_FILE names a file with certificates to trust"
    )
    assert only.connections == 0


async def test_certificate_of_another_host(
    node: Any, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    only = await node(ssl=tls)
    problem = await problem_of(f"wss://127.0.0.1:{only.port}")
    assert problem.startswith("its certificate is not trusted: IP address mismatch")


@pytest.mark.parametrize("far", [False, True])
async def test_long_lines_are_compressed_and_short_ones_are_not(
    far: bool, node: Any, ledgers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if far:
        monkeypatch.setattr("ekspiper.xrpl.client._wire.is_loopback", lambda url: False)
    only = await node(compression="deflate")
    async with NodePool(only.url) as pool:
        fetcher = FetchLedger(pool)
        refs = [ref async for ref in LedgerRange(pool, [(min(ledgers), max(ledgers))])]
        got = [await fetcher.fetch(ref) for ref in refs]
        wire = pool._nodes[0]._connection
        assert wire is not None
        received = wire.received
    sent = sum(2 * ledger.size for ledger in got)  # as hex
    offered = only.handshakes[0].headers.get("Sec-WebSocket-Extensions", "")
    assert ("permessage-deflate" in offered) is far
    assert received < 0.7 * sent if far else received > sent


async def test_node_behind_a_path_with_credentials(
    node: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ekspiper")
    only = await node()
    url = f"ws://user:hid%2Fden@127.0.0.1:{only.port}/v1/0123456789abcdefhidden?key=hidden"
    async with NodePool(url) as pool:
        with pytest.raises(RequestError) as failure:
            await pool.request({"command": "nosuch"})
        shown = [repr(pool), repr(pool.nodes()), str(failure.value), repr(pool._nodes)]
    request = only.handshakes[0]
    assert request.path == "/v1/0123456789abcdefhidden?key=hidden"
    assert request.headers["Authorization"] == "Basic " + b64encode(b"user:hid/den").decode()
    await only.stop()
    with pytest.raises(NodeUnreachable) as unreachable:
        await NodePool(url, connect_timeout=0.3).open()
    shown += [str(unreachable.value)]
    shown += [r.getMessage() for r in caplog.records if r.name.startswith("ekspiper")]
    assert shown
    assert not [text for text in shown if "hid" in text or "user" in text]
    assert f"ws://***@127.0.0.1:{only.port}/v1/***?***" in shown[0]


@pytest.mark.parametrize("away", [True, False])
async def test_a_password_goes_to_no_other_server(node: Any, away: bool) -> None:
    target = await node()

    def redirect(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/here":
            return None
        address = f"ws://127.0.0.1:{target.port}/" if away else "/here"
        return Response(307, "Elsewhere", Headers({"Location": address}))

    async with serve(target._talk, "127.0.0.1", 0, process_request=redirect) as server:
        port = server.sockets[0].getsockname()[1]
        pool = NodePool(f"ws://user:hidden@127.0.0.1:{port}", connect_timeout=0.5)
        if away:
            with pytest.raises(NodeUnreachable, match="is not given the password"):
                await pool.open()
            assert not target.handshakes
        else:
            async with pool:
                assert "Authorization" in target.handshakes[0].headers


async def test_a_redirect_without_a_password_is_followed(node: Any) -> None:
    target = await node()

    def redirect(connection: ServerConnection, request: Request) -> Response:
        return Response(307, "Elsewhere", Headers({"Location": target.url}))

    async with serve(
        lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=redirect
    ) as server:
        port = server.sockets[0].getsockname()[1]
        async with NodePool(f"ws://127.0.0.1:{port}") as pool:
            assert await pool.request({"command": "ping"}) == {}
