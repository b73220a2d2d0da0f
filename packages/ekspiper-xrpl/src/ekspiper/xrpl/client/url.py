"""The URL of a node: checked, shown and used without what may be secret in it."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

from .errors import BadNodeUrl

__all__ = ["check_url", "is_loopback", "redact", "without_credentials"]

# Hosting services put their access token into the path. A short plain word is not one.
_PLAIN_SEGMENT = re.compile(r"[a-z][a-z0-9-]{0,9}")


def redact(url: str) -> str:
    """The URL as it may be shown: user, password, query and tokens in the path become `***`.

    >>> redact("wss://user:secret@node.example:51233/ws?key=1")
    'wss://***@node.example:51233/ws?***'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    host = parts.netloc.rpartition("@")[2]
    user = "***@" if "@" in parts.netloc else ""
    path = "/".join(_segment(segment) for segment in parts.path.rstrip("/").split("/"))
    query = "?***" if parts.query else ""
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{user}{host}{path}{query}"


def _segment(segment: str) -> str:
    return segment if not segment or _PLAIN_SEGMENT.fullmatch(segment) else "***"


def check_url(url: str) -> str:
    """The URL itself.

    Raises:
        BadNodeUrl: it is not a `ws://` or `wss://` URL with a host and a valid port.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise BadNodeUrl(
            f"{redact(url)!r} is not the URL of a node; it looks like wss://host:51233"
        )
    return url


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL without user and password, and the header that carries them (RFC 7617).

    In a URL they are percent-encoded, in the header they are not; the library leaves them as
    they are.
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, password = credentials.partition(":")
    token = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {token}"}


def is_loopback(url: str) -> bool:
    """Whether the URL points to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
