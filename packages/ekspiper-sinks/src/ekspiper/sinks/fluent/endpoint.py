"""Where a server listens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ekspiper.core import ConfigError

__all__ = ["Endpoint"]

_FORM = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read `host:port` or `[ipv6]:port`."""
        found = _FORM.fullmatch(text.strip())
        if not found or not 0 < int(found["port"]) < 65536:
            raise ConfigError(f"{text!r} is not an endpoint: write host:port, e.g. 10.0.0.1:24224")
        return cls(found["ipv6"] or found["host"], int(found["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
