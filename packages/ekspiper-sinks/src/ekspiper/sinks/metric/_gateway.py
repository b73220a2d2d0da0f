"""A Pushgateway, whose password is in no message."""

from __future__ import annotations

from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

from ekspiper.core import ConfigError, Retryable, Secret

from ..prometheus import WithoutCreated, client

__all__ = ["Gateway"]

# Seconds. A push is small; a gateway that takes longer is not well, and the run would wait.
_TIMEOUT = 10.0


class Gateway:
    """Where a registry is pushed to.

    Args:
        url: `https://USER:PASSWORD@HOST:PORT`; user and password, percent-encoded, where the
            gateway asks for them (HTTP basic authentication), and `http://` without a scheme.

    Raises:
        ConfigError: it is not such a URL.
    """

    def __init__(self, url: Secret | str) -> None:
        text = url.reveal() if isinstance(url, Secret) else url
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            is_sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_sound = False
        if not is_sound:
            raise ConfigError("push_gateway must be a URL such as https://USER:PASSWORD@HOST:PORT")
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        """Without user and password."""
        self._user = None if parts.username is None else unquote(parts.username)
        self._password = unquote(parts.password or "")

    def push(self, registry: Any, *, job: str) -> None:
        """Add the whole registry to what the gateway has of `job`. Blocks.

        Raises:
            Retryable: the gateway cannot be reached, or refuses.
        """
        prometheus, options = client(), {}
        if self._user is not None:
            options["handler"] = partial(
                prometheus.exposition.basic_auth_handler,
                username=self._user,
                password=self._password,
            )
        try:
            prometheus.pushadd_to_gateway(
                self.url,
                job=job,
                registry=WithoutCreated(registry),
                timeout=_TIMEOUT,
                **options,
            )
        except (OSError, ValueError, HTTPException) as error:
            raise Retryable(f"cannot push metrics to {self.url}: {error}") from error
