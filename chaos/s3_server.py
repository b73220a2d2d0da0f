"""A small S3 server that keeps its objects on disk, may be killed, and does wrong what it is told.

It answers what the libraries here ask: objects put whole, in parts or from a copy, with and
without conditions, read whole or in ranges, listed and deleted. An object is written aside and
renamed, so a server that is killed has each object as it was before or after a request. It looks
at no signature. `serving` runs it in a thread, `S3Process` in its own process:
`python -m chaos.s3_server FOLDER FD FAULTS`.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

__all__ = ["FAULTS", "SECRET", "Faults", "Objects", "S3Process", "S3Thread", "serving"]

_MOST_LISTED = 1_000

FAULTS = ("503", "slow", "cut request", "cut answer", "no answer")
"""What the server can do wrong.

`503`: it says that it is busy. `slow`: it does what it is asked, and answers after `slow` seconds.
`cut request`: it closes the connection in the middle of the request. `cut answer`: it does what it
is asked, and closes in the middle of the answer. `no answer`: likewise, before the answer.
"""


class Faults:
    """Decides for each request whether it goes wrong, and how.

    Args:
        share: of all requests that go wrong at random.
        slow: seconds that a slow answer takes.
    """

    def __init__(self, *, share: float = 0.0, slow: float = 2.0) -> None:
        self._share = share
        self.slow = slow
        self._planned: list[tuple[str, str, str]] = []
        self.struck: list[tuple[str, str, str]] = []

    def plan(self, fault: str, command: str, part: str, *, times: int = 1) -> None:
        """Do wrong the next requests of a command whose key has a part."""
        assert fault in FAULTS, fault
        self._planned += [(fault, command, part)] * times

    def of(self, command: str, key: str) -> str | None:
        """What to do wrong with a request; None for nothing."""
        for planned in self._planned:
            if planned[1] == command and planned[2] in key:
                self._planned.remove(planned)
                self.struck.append((planned[0], command, key))
                return planned[0]
        return random.choice(FAULTS) if random.random() < self._share else None


SECRET = "a-secret-that-nobody-may-see"


class Refused(Exception):
    """A request that is answered with an error of S3."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status


class Objects:
    """The objects of all buckets, as files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder / ".aside"
        self._aside.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._tags = {
            unquote(file.name): _tag(file.read_bytes())
            for file in folder.iterdir()
            if file.is_file()
        }

    def _file(self, key: str) -> Path:
        return self._folder / quote(key, safe="")

    def get(self, key: str) -> tuple[bytes, str]:
        """The bytes of an object and its tag."""
        with self._lock:
            if key not in self._tags:
                raise Refused(404, "NoSuchKey")
            return self._file(key).read_bytes(), self._tags[key]

    def put(self, key: str, content: bytes, conditions: Mapping[str, str | None]) -> str:
        """Put an object, if it is as the conditions say; its tag."""
        tag = _tag(content)
        with self._lock:
            found = self._tags.get(key)
            wanted = conditions.get("If-Match")
            if conditions.get("If-None-Match") == "*" and found is not None:
                raise Refused(412, "PreconditionFailed")
            if wanted is not None and found is None:
                raise Refused(404, "NoSuchKey")
            if wanted is not None and found != wanted:
                raise Refused(412, "PreconditionFailed")
            aside = self._aside / os.urandom(8).hex()
            aside.write_bytes(content)
            aside.replace(self._file(key))
            self._tags[key] = tag
        return tag

    def delete(self, key: str) -> None:
        """Remove an object; that it is gone already is fine."""
        with self._lock:
            self._tags.pop(key, None)
            self._file(key).unlink(missing_ok=True)

    def listed(self, prefix: str, after: str) -> Iterator[tuple[str, int, float, str]]:
        """Key, size, time and tag of the objects with a prefix, behind a key."""
        with self._lock:
            keys = sorted(key for key in self._tags if key.startswith(prefix) and key > after)
            for key in keys:
                about = self._file(key).stat()
                yield key, about.st_size, about.st_mtime, self._tags[key]

    def part(self, upload: str, number: int) -> Path:
        """The file of one part of an upload."""
        if not re.fullmatch("[0-9a-f]+", upload):
            raise Refused(404, "NoSuchUpload")
        return self._aside / f"{upload}-{number:05d}"


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    objects: Objects
    faults: Faults

    def log_message(self, format: str, *values: Any) -> None:
        """Log nothing."""

    def handle_expect_100(self) -> bool:
        """Say at once that the body may come: what is written is buffered here."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _answer(
        self, status: int = 200, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.fault == "slow":
            time.sleep(self.faults.slow)
        if self.fault == "no answer":
            raise ConnectionError(self.fault)
        self.end_headers()
        if self.fault == "cut answer":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            raise ConnectionError(self.fault)
        if self.command != "HEAD":
            self.wfile.write(content)

    def _xml(self, text: str) -> None:
        self._answer(200, f'<?xml version="1.0"?>{text}'.encode(), {"Content-Type": "text/xml"})

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.key = unquote(parts.path).lstrip("/")
        self.query = {
            name: values[0]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        self.fault = self.faults.of(self.command, self.key)
        if self.fault == "cut request":
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            raise ConnectionError(self.fault)
        body = self._body()
        try:
            if self.fault == "503":
                raise Refused(503, "SlowDown")
            {
                "GET": self._get,
                "HEAD": self._get,
                "PUT": self._put,
                "POST": self._post,
                "DELETE": self._delete,
            }[self.command](body)
        except Refused as error:
            self._answer(error.status, f"<Error><Code>{error}</Code></Error>".encode())

    # The names are http.server's.
    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._exactly(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in self.headers.get("Content-Encoding", "") or self.headers.get(
            "x-amz-content-sha256", ""
        ).startswith("STREAMING-"):
            return _unchunked(body)
        return body

    def _chunks(self) -> Iterator[bytes]:
        """The chunks of a body whose size was not said before (RFC 9112, 7.1)."""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self._exactly(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("cut in the middle of a request")
        return body

    def _get(self, body: bytes) -> None:
        bucket, _, key = self.key.partition("/")
        if not key and self.command == "GET":
            self._list(bucket)
            return
        if not key:  # whether there is a bucket: any is
            self._answer()
            return
        content, tag = self.objects.get(self.key)
        headers = {"ETag": tag, "Last-Modified": formatdate(usegmt=True), "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._answer(200, content, headers)
            return
        size = len(content)
        first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        last = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._answer(206, content[first : last + 1], headers)

    def _list(self, bucket: str) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        after = self.query.get("continuation-token") or self.query.get("start-after") or ""
        most = min(int(self.query.get("max-keys", _MOST_LISTED)), _MOST_LISTED)
        found: list[str] = []
        common: dict[str, None] = {}
        last, more = "", False
        start = len(bucket) + 1
        for whole, size, changed, tag in self.objects.listed(
            f"{bucket}/{prefix}", f"{bucket}/{after}"
        ):
            key = whole[start:]
            if len(found) + len(common) >= most:
                more = True
                break
            last = key
            below = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if below[1]:
                common[f"{prefix}{below[0]}{delimiter}"] = None
                continue
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(changed))
            found.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>{stamp}</LastModified>"
                f"<ETag>{escape(tag)}</ETag><Size>{size}</Size></Contents>"
            )
        found += [
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in common
        ]
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        self._xml(
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(found)}</KeyCount><MaxKeys>{most}</MaxKeys>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(found)}"
            "</ListBucketResult>"
        )

    def _put(self, body: bytes) -> None:
        if "/" not in self.key.rstrip("/"):  # a bucket
            self._answer()
            return
        if "uploadId" in self.query:
            self.objects.part(self.query["uploadId"], int(self.query["partNumber"])).write_bytes(
                body
            )
            self._answer(200, b"", {"ETag": _tag(body)})
            return
        source = self.headers.get("x-amz-copy-source")
        if source is not None:
            body, _ = self.objects.get(unquote(source).lstrip("/"))
        tag = self.objects.put(self.key, body, self._conditions())
        if source is None:
            self._answer(200, b"", {"ETag": tag})
        else:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
            self._xml(
                f"<CopyObjectResult><LastModified>{stamp}</LastModified>"
                f"<ETag>{escape(tag)}</ETag></CopyObjectResult>"
            )

    def _conditions(self) -> dict[str, str | None]:
        return {name: self.headers.get(name) for name in ("If-Match", "If-None-Match")}

    def _post(self, body: bytes) -> None:
        bucket, _, key = self.key.partition("/")
        if "delete" in self.query:
            names = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for name in names:
                self.objects.delete(f"{bucket}/{_unescaped(name)}")
            gone = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
            self._xml(f"<DeleteResult>{gone}</DeleteResult>")
        elif "uploads" in self.query:
            self._xml(
                "<InitiateMultipartUploadResult>"
                f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>"
                f"<UploadId>{os.urandom(8).hex()}</UploadId></InitiateMultipartUploadResult>"
            )
        else:
            numbers = map(int, re.findall(r"<PartNumber>(\d+)</PartNumber>", body.decode()))
            files = [self.objects.part(self.query["uploadId"], each) for each in sorted(numbers)]
            if not all(file.exists() for file in files):
                raise Refused(404, "NoSuchUpload")
            content = b"".join(file.read_bytes() for file in files)
            tag = self.objects.put(self.key, content, self._conditions())
            for file in files:
                file.unlink(missing_ok=True)
            self._xml(
                f"<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>"
                f"<ETag>{escape(tag)}</ETag></CompleteMultipartUploadResult>"
            )

    def _delete(self, body: bytes) -> None:
        if "uploadId" not in self.query:
            self.objects.delete(self.key)
        self._answer(204)


def _unescaped(text: str) -> str:
    for name, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(name, letter)
    return text


def _unchunked(body: bytes) -> bytes:
    """The content of a body in chunks with signatures, as Amazon's libraries send it."""
    content, at = b"", 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if not size:
            return content
        content += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was cut says nothing."""


def _server(folder: Path, listener: socket.socket, faults: Faults) -> _Server:
    members = {"objects": Objects(folder), "faults": faults}
    server = _Server(("127.0.0.1", 0), type("_Bound", (Handler,), members), bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    return server


@dataclass(frozen=True)
class S3Thread:
    """The server while it runs in a thread.

    Attributes:
        url: where it is.
        faults: what it does wrong.
    """

    url: str
    faults: Faults

    @property
    def environment(self) -> dict[str, str]:
        """What leads the libraries to it."""
        return _environment(self.url)


@contextmanager
def serving(folder: Path) -> Iterator[S3Thread]:
    """Run the server in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    faults = Faults()
    server = _server(folder, listener, faults)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield S3Thread(f"http://127.0.0.1:{listener.getsockname()[1]}", faults)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _environment(url: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
    }


class S3Process:
    """The server in its own process, which can be killed at any moment and started again.

    The socket that listens belongs to this process, so the port stays the same. While the server
    is down, connections wait in its queue, as behind a load balancer.

    Args:
        folder: of the objects.
        faults: the share of requests that go wrong.
    """

    def __init__(self, folder: Path, *, faults: float = 0.0) -> None:
        self._folder = folder
        self._share = faults
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Start it; returns before it answers."""
        number = self._listener.fileno()
        options = [str(self._folder), str(number), str(self._share)]
        command = [sys.executable, "-m", "chaos.s3_server", *options]
        self._process = subprocess.Popen(
            command,
            pass_fds=[number],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """SIGKILL; that it does not run is fine."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._listener.close()

    def wait(self) -> None:
        """Wait until it answers."""
        with suppress(OSError):
            urllib.request.urlopen(f"{self.url}/lake?list-type=2", timeout=30).close()

    @property
    def environment(self) -> dict[str, str]:
        """What leads the libraries to it."""
        return _environment(self.url)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # it ends when the process that started this one does
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _server(
        Path(sys.argv[1]),
        socket.socket(fileno=int(sys.argv[2])),
        Faults(share=float(sys.argv[3])),
    ).serve_forever()
