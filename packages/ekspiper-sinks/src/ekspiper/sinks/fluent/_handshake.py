"""Authentication with a shared key and a user, as values: no socket here.

https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1#handshake-messages
Servers differ in their msgpack types: a nonce may be bytes or text that is not UTF-8, so messages
are read raw, and what we send is text throughout.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from ekspiper.core import Permanent, Secret

from ._extra import msgpack

__all__ = ["Credentials", "Handshake", "is_helo"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a server may ask for.

    Args:
        hostname: our name; a server refuses its own.
        shared_key: known to both sides.
        user: with its password, for a server that has users.
    """

    hostname: str
    shared_key: Secret
    user: str | None = None
    password: Secret | None = None


def is_helo(message: Any) -> bool:
    """Whether a message of the server opens a handshake."""
    return isinstance(message, list) and message[:1] == [b"HELO"]


@dataclass(slots=True)
class Handshake:
    """One handshake: HELO from the server, PING from us, PONG from the server."""

    credentials: Credentials
    salt: bytes = field(default_factory=lambda: secrets.token_hex(16).encode())
    keepalive: bool = True
    _nonce: bytes = b""

    def ping(self, helo: Any) -> bytes:
        """The answer to HELO, to be sent in one piece.

        Raises:
            ValueError: the message is not a HELO.
        """
        if not is_helo(helo) or len(helo) != 2 or not isinstance(helo[1], dict):
            raise ValueError("HELO expected")
        options = helo[1]
        self._nonce = _bytes(options.get(b"nonce", b""))
        self.keepalive = options.get(b"keepalive") is not False
        user, password = self._user(_bytes(options.get(b"auth") or b""))
        hostname = self.credentials.hostname
        digest = self._digest(hostname.encode())
        packed: bytes = msgpack.packb(
            ["PING", hostname, self.salt.decode(), digest, user, password]
        )
        return packed

    def _user(self, salt: bytes) -> tuple[str, str]:
        """The user and the digest of the password; both empty without a user.

        A salt does not mean that the server asks for a user: Fluent Bit always sends one, and
        looks at the user only where it has users. Its PONG says whether it minds.
        """
        user, password = self.credentials.user, self.credentials.password
        if not salt or user is None or password is None:
            return "", ""
        return user, _sha512(salt, user.encode(), password.reveal().encode())

    def check_pong(self, pong: Any) -> None:
        """Check the server's answer, and that the server knows the key, too.

        Raises:
            Permanent: the server refuses us, or does not know the key.
            ValueError: the message is not a PONG.
        """
        if not isinstance(pong, list) or len(pong) < 2 or pong[0] != b"PONG":
            raise ValueError("PONG expected")
        if pong[1] is not True:
            reason = (
                _bytes(pong[2]).decode(errors="replace") if len(pong) > 2 else "no reason given"
            )
            raise Permanent(f"it refuses our credentials: {reason:.200}{self._advice(reason)}")
        if len(pong) < 5 or _bytes(pong[4]).decode("latin-1") != self._digest(_bytes(pong[3])):
            raise Permanent("it does not know the shared key itself: it is not the right server")

    def _advice(self, reason: str) -> str:
        """What to do about a refusal. Fluent Bit and Fluentd say which of the two they refuse."""
        if "key" in reason.lower():
            return "; shared_key must be the one that the server has"
        return "" if self.credentials.user else "; we sent no user: set user and password"

    def _digest(self, hostname: bytes) -> str:
        key = self.credentials.shared_key.reveal().encode()
        return _sha512(self.salt, hostname, self._nonce, key)


def _sha512(*parts: bytes) -> str:
    return hashlib.sha512(b"".join(parts)).hexdigest()


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError(f"text expected, not {type(value).__name__}")
