"""The TLS settings of a client."""

from __future__ import annotations

import ssl
from pathlib import Path

from ekspiper.core import ConfigError

__all__ = ["tls_context"]


def tls_context(
    *, ca_file: Path | None, client_cert: Path | None, client_key: Path | None, verify: bool
) -> ssl.SSLContext:
    """The settings; certificates and names are checked unless `verify` is false.

    Raises:
        ConfigError: a file is missing or is no certificate or key.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"ca_file {ca_file} cannot be used: {_reason(error)}") from None
    if client_cert is not None:
        try:
            # A callback, so that an encrypted key is an error and not a question on the terminal.
            context.load_cert_chain(client_cert, client_key, password=lambda: "")
        except OSError as error:
            raise ConfigError(
                f"client_cert {client_cert} with client_key {client_key or 'in the same file'} "
                f"cannot be used: {_reason(error)}"
            ) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or "it is encrypted or damaged"
