"""A store of chunks in an object store: Amazon S3 and what speaks like it, Google's, Azure's."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError, MissingExtra, Retryable
from .chunk_store import HIDDEN, ChunkStore

__all__ = ["ObjectStore"]

_LEASE = 30.0
"""Seconds for which a lock holds that nobody renews."""

_LOCK = f"{HIDDEN}/lock"


class ObjectStore(ChunkStore):
    """Chunks as objects below a URL. Every object is put whole, so readers see whole files.

    Credentials come from the usual places: variables such as `AWS_ACCESS_KEY_ID` and
    `AWS_ENDPOINT_URL`, the identity of the machine, and profiles where boto3 is installed. They
    are never part of the store: each worker finds its own.

    Requests that fail are sent again, for up to three minutes. What publishes holds a lock, an
    object that is put only where none is, and renews it; each renewal, too, is conditional. After
    a crash, the next one waits until the lock has not been renewed for 30 seconds.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
        tables: as of `ChunkStore`, like the rest.
        lease: seconds for which the lock holds without being renewed.
    """

    def __init__(
        self,
        url: str,
        tables: Sequence[str],
        *,
        partition: int = 100_000,
        unit: str = "items",
        lease: float = _LEASE,
    ) -> None:
        super().__init__(tables, partition=partition, unit=unit)
        found = urlsplit(url)
        if found.scheme not in ("s3", "gs", "az") or not found.netloc or "@" in found.netloc:
            raise ConfigError(
                "the URL of an object store is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
                "az://CONTAINER/PREFIX; credentials come from the environment, not from the URL"
            )
        self._url = f"{found.scheme}://{found.netloc}{found.path.rstrip('/')}"
        self._lease = lease
        self._store: Any = None
        self._held: _Lock | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Connections and credentials stay here.
        return {**self.__dict__, "_store": None, "_held": None}

    @property
    def address(self) -> str:
        """The URL."""
        return self._url

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock it, and renew the lock; waits for one that a crash may have left."""
        lock = _Lock(self._opened(), self._url, lease=self._lease)
        lock.acquire()
        self._held = lock
        try:
            yield
        finally:
            self._held = None
            lock.release()

    def read(self, name: str) -> bytes | None:
        """The bytes of an object."""
        with self._reached():
            try:
                return bytes(_obstore().get(self._opened(), name).bytes())
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Put a small object."""
        self._refuse_unlocked()
        with self._reached():
            _obstore().put(self._opened(), name, content)

    def _names(self, folder: str) -> list[str]:
        with self._reached():
            listed = _obstore().list(self._opened(), prefix=f"{folder}/")
            return [each["path"] for page in listed for each in page]

    def _move(self, source: str, target: str) -> None:
        # The copy is the server's work; what is staged is removed with the rest of the chunk.
        self._refuse_unlocked()
        with self._reached():
            _obstore().copy(self._opened(), source, target)

    def _remove(self, names: Iterable[str]) -> None:
        for name in list(names):
            with self._reached(), suppress(FileNotFoundError):
                _obstore().delete(self._opened(), name)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in one line why a request failed: obstore adds the request itself to its errors."""
        try:
            yield
        except (_obstore().exceptions.BaseError, FileNotFoundError, PermissionError) as error:
            raise Retryable(f"{self._url}: {_first_line(error)}") from None

    @contextmanager
    def _writing(self, staging: str) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="ekspiper-"))
        try:
            yield folder
            for file in sorted(folder.iterdir()):
                with self._reached():
                    _obstore().put(self._opened(), f"{staging}/{file.name}", file)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _refuse_unlocked(self) -> None:
        if self._held is None or not self._held.is_ours:
            raise Retryable(
                f"the lock of {self._url} was not renewed in time, and may be somebody else's; "
                "run it again"
            )

    def _opened(self) -> Any:
        if self._store is None:
            options: dict[str, Any] = {}
            if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
                options["client_options"] = {"allow_http": True}
            if self._url.startswith("s3:") and (provider := _profile()) is not None:
                options["credential_provider"] = provider
            try:
                self._store = _obstore().store.from_url(self._url, **options)
            except _obstore().exceptions.BaseError as error:
                raise ConfigError(f"{self._url} cannot be used: {_first_line(error)}") from None
        return self._store


class _Lock:
    """An object that one process at a time has put, and puts again before its lease ends.

    Whether another one is alive is seen by whether its object changes, so no clocks are compared.
    """

    def __init__(self, store: Any, url: str, *, lease: float) -> None:
        self._store = store
        self._url = url
        self._lease = lease
        self._token = os.urandom(16).hex()
        self._count = 0
        self._tag = ""
        self._renewed = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="ekspiper-lock", daemon=True)

    @property
    def is_ours(self) -> bool:
        """Whether it is certain that nobody else has taken it."""
        return time.monotonic() - self._renewed < self._lease * 2 / 3

    def acquire(self) -> None:
        """Take it, or wait and see whether its holder is alive. Raises ConfigError if so."""
        seen, since = "", time.monotonic()
        while not self._put("create"):
            tag, holder = self._look()
            if seen and tag and tag != seen:
                raise ConfigError(
                    f"{self._url} is in use by {holder}; stop that first, or choose another place"
                )
            if tag != seen:
                seen, since = tag, time.monotonic()
            elif seen and time.monotonic() - since > self._lease and self._put({"e_tag": seen}):
                break
            time.sleep(self._lease / 30)
        self._thread.start()

    def release(self) -> None:
        """Remove it, if it is ours."""
        self._ending.set()
        self._thread.join()
        if self.is_ours:
            with suppress(_obstore().exceptions.BaseError, OSError):
                _obstore().delete(self._store, _LOCK)

    def _renew(self) -> None:
        while not self._ending.wait(self._lease / 6):
            try:
                if not self._put({"e_tag": self._tag}):
                    return  # somebody else has taken it: it stays theirs
            except ConfigError:
                continue  # the lease ends if this goes on

    def _put(self, mode: Any) -> bool:
        begun = time.monotonic()
        self._count += 1
        about = {"host": socket.gethostname(), "pid": os.getpid()}
        content = json.dumps({"token": self._token, "count": self._count, **about}).encode()
        errors = _obstore().exceptions
        try:
            put = _obstore().put(self._store, _LOCK, content, mode=mode)
        except (errors.AlreadyExistsError, errors.PreconditionError):
            # A request whose answer was lost is sent again, and is then refused for itself.
            found = self._get()
            if found is None or found[1].get("token") != self._token:
                return False
            self._tag = found[0]
        except (errors.BaseError, FileNotFoundError, PermissionError) as error:
            raise ConfigError(f"{self._url} cannot be written: {_first_line(error)}") from None
        else:
            self._tag = put["e_tag"]
        self._renewed = begun
        return True

    def _look(self) -> tuple[str, str]:
        found = self._get()
        if found is None:
            return "", ""
        return found[0], f"process {found[1].get('pid')} on {found[1].get('host')}"

    def _get(self) -> tuple[str, dict[str, Any]] | None:
        try:
            found = _obstore().get(self._store, _LOCK)
            return str(found.meta["e_tag"]), json.loads(bytes(found.bytes()))
        except FileNotFoundError:
            return None


def _profile() -> Any:
    """Credentials of a profile, by boto3, where the environment itself has none."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return None
    if "AWS_PROFILE" not in os.environ and not (Path.home() / ".aws" / "credentials").exists():
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise MissingExtra("profiles of AWS need boto3: pip install boto3") from error
    return Boto3CredentialProvider()


def _first_line(error: Exception) -> str:
    """Without what follows: requests, with their headers."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _obstore() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise MissingExtra(
            "an object store needs obstore: pip install 'ekspiper-core[object-store]'"
        ) from error
    return obstore
