"""Where the server is, shown without its passwords."""

from __future__ import annotations

import os
from typing import Any

from ekspiper.core import ConfigError, Secret

from ._driver import conninfo_to_dict, psycopg

__all__ = ["Target"]

_FORM = (
    "give postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ / % in the password written as "
    "%40 %2F %25, or host=... dbname=...; it is not shown here, as it may hold a password"
)
_SECRETS = ("password", "sslpassword")
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


class Target:
    """A connection string, parsed.

    Args:
        dsn: a URI or `key=value` pairs, as libpq takes them.

    Raises:
        ConfigError: it is neither. The message repeats no part of it: where a password is not
            escaped, any part of the string can be a piece of it.
    """

    def __init__(self, dsn: Secret | str) -> None:
        text = dsn.reveal() if isinstance(dsn, Secret) else dsn
        try:
            found = conninfo_to_dict(text)
        except psycopg.Error:
            raise ConfigError(f"dsn is not a connection string of PostgreSQL: {_FORM}") from None
        given = {key: str(value) for key, value in found.items() if value is not None}
        ports = given.get("port", "").split(",")
        # libpq accepts a password with an @ in it and takes the rest for the host, which errors
        # then show.
        misread = any("@" in given.get(key, "") for key in ("host", "dbname", "user"))
        if misread or not all(port == "" or port.isdecimal() for port in ports):
            raise ConfigError(f"dsn cannot be split into its parts: {_FORM}")
        self.parameters: dict[str, Any] = _DEFAULTS | given
        # Longest first: a password that is part of another one would otherwise leave half of that.
        secrets = [given.get(key) for key in _SECRETS] + [os.environ.get("PGPASSWORD")]
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __str__(self) -> str:
        get = self.parameters.get
        host = get("host") or get("hostaddr") or os.environ.get("PGHOST") or "the local server"
        port = get("port") or os.environ.get("PGPORT")
        database = get("dbname") or os.environ.get("PGDATABASE")
        return host + (f":{port}" if port else "") + (f"/{database}" if database else "")

    def redacted(self, text: str) -> str:
        """A text of the server or the driver, with `***` for every password in it."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
