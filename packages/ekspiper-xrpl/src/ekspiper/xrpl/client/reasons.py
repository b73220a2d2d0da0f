"""Why a connection could not be made, in words."""

from __future__ import annotations

import os
import ssl

from websockets.exceptions import InvalidStatus

__all__ = ["reason_of", "retry_after"]

_LONGEST = 300.0


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


def retry_after(error: BaseException) -> float | None:
    """The seconds an overloaded server (HTTP 503) asks to wait, at most 300; None: it does not."""
    if not isinstance(error, InvalidStatus) or error.response.status_code != 503:
        return None
    try:
        return min(max(0.0, float(error.response.headers.get("Retry-After", ""))), _LONGEST)
    except ValueError:
        return None
