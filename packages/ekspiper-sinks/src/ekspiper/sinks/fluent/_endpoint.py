"""Where a server listens, and the TLS settings of the client."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from ekspiper.core import ConfigError

from .._checks import reason_of

__all__ = ["Endpoint", "TlsSettings"]

_FORM = re.compile(r"(?:\[(?P<ipv6>[^\]@/]+)\]|(?P<host>[\w.-]+)):(?P<port>\d{1,5})")
_LONGEST_SOCKET_PATH = 107  # bytes: what the kernel's sockaddr_un holds


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read `host:port`, `[ipv6]:port`, `/path/of/a/socket` or `unix:/path/of/a/socket`."""
        stripped = text.strip()
        path = re.sub(r"unix:(//)?(?=/)", "", stripped, count=1)
        if path.startswith("/"):
            if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
                raise ConfigError(
                    f"the path of a Unix socket has at most {_LONGEST_SOCKET_PATH} bytes: {path!r}"
                )
            return cls(path=path)
        found = _FORM.fullmatch(stripped)
        if not found or not 0 < int(found["port"]) < 65536 or not _is_address(found["ipv6"]):
            # The text may be a URL with a user and a password before the host.
            shown = re.sub(r".*@", "***@", text)
            raise ConfigError(
                f"{shown!r} is not an endpoint: write host:port, e.g. 10.0.0.1:24224, "
                "or the path of a Unix socket, e.g. /run/fluent.sock"
            )
        return cls(found["ipv6"] or found["host"], int(found["port"]))

    @classmethod
    def of(cls, host: str, port: int) -> Endpoint:
        """The endpoint of a host, or of a path in the place of the host, and a port."""
        if host.startswith(("/", "unix:")):
            return cls.parse(host)
        return cls.parse(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_address(ipv6: str | None) -> bool:
    try:
        return ipv6 is None or bool(ipaddress.IPv6Address(ipv6))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Which certificates to trust and to show. Certificates and names are checked.

    Args:
        ca_file: certificates to trust in the place of the system's.
        client_cert: our own certificate, with its key in `client_key` or in the same file.
        client_key: see `client_cert`.
        server_name: the name that a server's certificate must have in the place of its host.
        verify: false takes any certificate.
    """

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    verify: bool = True

    def name_of(self, endpoint: Endpoint) -> str:
        """The name that the certificate of a server must have."""
        return self.server_name or endpoint.host

    def context(self) -> ssl.SSLContext:
        """The settings as the standard library wants them; reads the files.

        Raises:
            ConfigError: a file is missing, or does not hold a certificate or key.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ConfigError(
                f"ca_file {self.ca_file} cannot be used: {reason_of(error)}"
            ) from None
        if self.client_cert is not None:
            try:
                # The callback makes an encrypted key an error, not a question on the terminal.
                context.load_cert_chain(self.client_cert, self.client_key, password=lambda: "")
            except OSError as error:
                raise ConfigError(
                    f"client_cert {self.client_cert} with client_key "
                    f"{self.client_key or 'in the same file'} cannot be used: {reason_of(error)}"
                ) from None
        # In this order: the module refuses CERT_NONE while names are checked.
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
