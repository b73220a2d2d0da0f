"""The URL of a node: checked, and shown without what may be secret in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .errors import BadNodeUrl

__all__ = ["check_url", "redact"]

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
