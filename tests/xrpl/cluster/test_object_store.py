"""A backfill to an S3 server over HTTP: the promises of a folder, also on a bad connection."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError, Retryable
from ekspiper.core.chunks import Chunk, ObjectStore
from tests.command import ekspiper

from .conftest import assert_whole

obstore: Any = pytest.importorskip("obstore", reason="obstore is not installed")
moto_server: Any = pytest.importorskip("moto.server", reason="moto[server] is not installed")

pytestmark = pytest.mark.timeout(180)

URL = "s3://lake/history"
SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """An S3 server with a bucket, and the environment that leads to it."""
    running = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "somebody"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
    ):
        monkeypatch.setenv(name, value)
    import boto3

    # Servers of one process share what they hold.
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="lake")
    yield host, port
    running.stop()


def download(folder: Path) -> list[str]:
    """Everything that readers see, as files; the names of the rest."""
    store = obstore.store.from_url(URL, client_options={"allow_http": True})
    hidden = []
    for each in (each for page in obstore.list(store) for each in page):
        if each["path"].startswith("."):
            hidden.append(each["path"])
            if not each["path"].startswith(".checkpoint/"):
                continue
        file = folder / each["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(obstore.get(store, each["path"]).bytes()))
    return hidden


def test_a_backfill_to_s3_continues_with_workers(server: tuple[str, int], tmp_path: Path) -> None:
    first = ekspiper("backfill", "421:478", "-n", "sample", "-o", URL, "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["folder"] == URL
    second = ekspiper("backfill", "421:540", "-n", "sample", "-o", URL, "--workers", 2)
    assert second.code == 0, second.err
    assert "58 were there before" in second.err
    assert SECRET not in first.out + first.err + second.err
    kept = [".checkpoint/network/definitions.json", ".chunks/about.json"]
    assert sorted(download(tmp_path)) == kept
    assert_whole(tmp_path)
    signed = ekspiper("verify", tmp_path, "--signed")
    assert signed.code == 0, signed.err
    there = ekspiper("verify", URL, "--deep")
    assert there.code == 0, there.err
    assert "Every transaction of 120 ledgers is proven" in there.out
    by_signatures = ekspiper("verify", URL, "--signed")
    assert by_signatures.code == 0, by_signatures.err
    assert by_signatures.out == signed.out


class BadLine:
    """A proxy that answers some connections with 503, and cuts others, by their number."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.refused = self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        for number in count(1):
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        with client:
            if number % 4 == 1:
                self.refused += 1
                client.recv(65_536)
                client.sendall(
                    b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return
            with socket.create_connection(self._target) as server:
                back = threading.Thread(target=self._pipe, args=(server, client), daemon=True)
                back.start()
                # Cut in the middle of what the client sends or waits for.
                self._pipe(client, server, 3_000 if number % 4 == 3 else None)
                back.join(5)

    def _pipe(self, source: socket.socket, target: socket.socket, most: int | None = None) -> None:
        sent = 0
        with suppress(OSError):
            while data := source.recv(1_000):
                target.sendall(data)
                sent += len(data)
                if most is not None and sent >= most:
                    self.cut += 1
                    break
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


def test_refusals_and_cut_connections_cost_time_and_nothing_else(
    server: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = BadLine(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
    done = ekspiper("backfill", "421:540", "-n", "sample", "-o", URL)
    line.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server[0]}:{server[1]}")
    assert done.code == 0, done.err
    assert line.refused
    assert line.cut
    download(tmp_path)
    assert_whole(tmp_path)


def test_after_kill_9_the_next_run_completes_it(
    server: tuple[str, int], url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ekspiper.xrpl", "backfill", "421:540", "-n", url, "-o", URL]
    process = subprocess.Popen([*command, "--concurrency", "1"], stderr=subprocess.DEVNULL)
    store = ObjectStore(URL, ["ledgers.parquet"])
    while not store.chunks():
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = ekspiper(*command[3:])
    assert done.code == 0, done.err
    assert " 0 were there before" not in done.err
    kept = [".checkpoint/network/definitions.json", ".chunks/about.json"]
    assert sorted(download(tmp_path)) == kept
    assert_whole(tmp_path)


def test_two_writers_are_refused_and_a_dead_one_is_replaced(server: tuple[str, int]) -> None:
    first = ObjectStore(URL, ["a.jsonl"], lease=3.0)
    second = ObjectStore(URL, ["a.jsonl"], lease=3.0)
    with first.locked():
        with (
            pytest.raises(ConfigError, match=f"in use by process {os.getpid()} on"),
            second.locked(),
        ):
            pass
        # As if it had died: nobody renews its lock any more.
        assert first._held is not None
        first._held._ending.set()
        with second.locked():
            with second.aside(Chunk(0, 9)) as aside:
                (aside.folder / "a.jsonl").write_text("x")
            assert aside.staged is not None
            with pytest.raises(Retryable, match="not renewed in time"):
                first.publish(aside.staged)
            second.publish(aside.staged)
    assert second.chunks() == [Chunk(0, 9)]


def test_an_error_names_the_place_in_one_line(server: tuple[str, int]) -> None:
    store = ObjectStore("s3://no-such-bucket/x", ["a.jsonl"])
    with pytest.raises(ConfigError) as failed, store.locked():
        pass
    assert str(failed.value).startswith("s3://no-such-bucket/x cannot be written: ")
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize("url", ["s3://key:secret@lake/x", "s3:///x", "ftp://lake/x"])
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ConfigError) as failed:
        ObjectStore(url, ["a.jsonl"])
    assert "secret" not in str(failed.value)


def test_nothing_secret_is_sent_to_workers(server: tuple[str, int]) -> None:
    store = ObjectStore(URL, ["a.jsonl"])
    with store.locked():
        sent = pickle.dumps(store)
    assert SECRET.encode() not in sent
    assert pickle.loads(sent).chunks() == []
