"""A place in an object store, and how its objects are put, read, listed and removed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors import ConfigError, MissingExtra, Retryable

__all__ = ["Bucket", "Refused", "is_bucket_url"]

T = TypeVar("T")

_SCHEMES = ("s3", "gs", "az")


class Refused(Exception):
    """The store refused a conditional request: the object is another one than it was to be.

    Also after a request whose answer was lost: it is sent again, and refused because of itself.
    """


def is_bucket_url(text: str | Path) -> bool:
    """Whether the text is meant as the URL of a place in an object store."""
    scheme, separator, _ = str(text).partition("://")
    return bool(separator) and scheme.isalnum()


class Bucket:
    """A place in an object store. Every method blocks, and may be called from any thread.

    Credentials come from the usual places: variables such as `AWS_ACCESS_KEY_ID` and
    `AWS_ENDPOINT_URL`, the identity of the machine, and profiles where boto3 is installed. They
    are never part of the object, which may be pickled, and never part of an error.

    An object is put whole, so readers see it whole. A request that fails is sent again.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
        patience: seconds for which a request that fails is sent again.
        timeout: seconds after which a request without an answer has failed.

    Raises:
        ConfigError: it is another URL, or holds credentials.
    """

    def __init__(self, url: str, *, patience: float = 180.0, timeout: float = 30.0) -> None:
        found = urlsplit(url)
        # An "@" or a query is where a password would be, and URLs are in logs and checkpoints.
        if found.scheme not in _SCHEMES or not found.netloc or "@" in found.netloc or found.query:
            raise ConfigError(
                "the URL of an object store is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
                "az://CONTAINER/PREFIX; credentials come from the environment, not from the URL"
            )
        self.url = f"{found.scheme}://{found.netloc}{found.path.rstrip('/')}"
        self._patience = patience
        self._timeout = timeout
        self._store: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # Connections and credentials stay here.
        return {**self.__dict__, "_store": None}

    def __str__(self) -> str:
        return self.url

    def get(self, name: str) -> bytes | None:
        """The bytes of an object; None when it is missing."""
        found = self.get_tagged(name)
        return None if found is None else found[0]

    def get_tagged(self, name: str) -> tuple[bytes, str] | None:
        """The bytes of an object and its tag, for a conditional put; None when it is missing."""

        def request() -> tuple[bytes, str] | None:
            try:
                found = _obstore().get(self._opened(), name)
                return bytes(found.bytes()), str(found.meta["e_tag"])
            except FileNotFoundError:
                return None

        return self._reach(request)

    def put(self, name: str, content: bytes | Path) -> None:
        """Put an object, or the content of a file."""
        self._reach(lambda: _obstore().put(self._opened(), name, content))

    def put_if(self, name: str, content: bytes, *, tag: str | None) -> str:
        """Put an object if the one that is there has this tag, or, for None, if none is there.

        Returns:
            the tag that it has now.

        Raises:
            Refused: it was not put; or it was, and the answer was lost.
        """
        mode: Any = "create" if tag is None else {"e_tag": tag}
        errors = _obstore().exceptions

        def request() -> str:
            try:
                # In parts it could not be conditional.
                put = _obstore().put(self._opened(), name, content, mode=mode, use_multipart=False)
            except (errors.AlreadyExistsError, errors.PreconditionError):
                raise Refused(f"{self}/{name} has changed") from None
            except FileNotFoundError:
                if tag is None:
                    raise  # the bucket does not exist
                raise Refused(f"{self}/{name} is gone") from None
            return str(put["e_tag"])

        return self._reach(request)

    def copy(self, source: str, target: str) -> bool:
        """Have the server copy an object; whether there was one."""

        def request() -> bool:
            try:
                _obstore().copy(self._opened(), source, target)
            except FileNotFoundError:
                return False
            return True

        return self._reach(request)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; that one is gone already is fine."""

        def request(name: str) -> None:
            with suppress(FileNotFoundError):
                _obstore().delete(self._opened(), name)

        for name in list(names):
            self._reach(partial(request, name))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """The names of all objects in a folder and the folders in it, with their bytes."""
        prefix = f"{folder}/" if folder else None

        def request() -> dict[str, int]:
            listed = _obstore().list(self._opened(), prefix=prefix)
            return {each["path"]: int(each["size"]) for page in listed for each in page}

        return self._reach(request)

    def _reach(self, request: Callable[[], T]) -> T:
        """Send a request until it is answered, or patience is at its end.

        The library sends again what the store refused for the moment. It does not where an answer
        did not come in time or was cut, as it cannot know that our requests may come twice.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_delay(self._patience),
            wait=wait_random_exponential(multiplier=0.1, max=5.0),
            reraise=True,
        )
        try:
            return retrying(request)
        except (_obstore().exceptions.BaseError, OSError) as error:
            # In one line: obstore adds the request itself to its errors.
            raise Retryable(f"{self}: {_first_line(error)}") from None

    def _opened(self) -> Any:
        if self._store is None:
            options: dict[str, Any] = {
                "client_options": {"timeout": timedelta(seconds=self._timeout)},
                "retry_config": {"retry_timeout": timedelta(seconds=self._patience)},
            }
            # obstore refuses it otherwise; somebody who wrote http:// has a server of their own in
            # mind.
            if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
                options["client_options"]["allow_http"] = True
            if self.url.startswith("s3:") and (provider := _profile()) is not None:
                options["credential_provider"] = provider
            try:
                self._store = _obstore().store.from_url(self.url, **options)
            except _obstore().exceptions.BaseError as error:
                raise ConfigError(f"{self} cannot be used: {_first_line(error)}") from None
        return self._store


def _may_pass(error: BaseException) -> bool:
    """Whether it may be another one the next time: all but what the store said of the request."""
    if isinstance(error, OSError):
        return not isinstance(error, FileNotFoundError | PermissionError)
    return isinstance(error, _obstore().exceptions.GenericError)


def _profile() -> Callable[[], Any] | None:
    """Credentials of a profile, by boto3, where the environment itself has none."""
    # obstore takes these by itself; boto3 would take time to load.
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
