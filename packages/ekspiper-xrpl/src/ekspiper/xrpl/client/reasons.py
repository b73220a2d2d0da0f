"""Why a connection could not be made, in words."""

from __future__ import annotations

import os
import ssl
import time
from email.utils import parsedate_to_datetime

from websockets.exceptions import InvalidStatus

__all__ = ["asks_for_less", "reason_of", "retry_after"]

_LONGEST = 300.0
_ASKS_FOR_LESS = (429, 503)


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
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own words for it are "Connect call failed"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    without_credentials = (
        url.partition("://")[0] + "://" + url.partition("://")[2].rpartition("@")[2]
    )
    return str(text).replace(url, label).replace(without_credentials, label)


def asks_for_less(error: BaseException) -> bool:
    """Whether a connection was refused for load: HTTP 503 of servers, 429 of what is before them."""
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
        return min(max(0.0, seconds), _LONGEST)
    except ValueError:
        return None


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()
