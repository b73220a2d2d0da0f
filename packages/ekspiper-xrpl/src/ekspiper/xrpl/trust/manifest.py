"""Manifests: a master key names the key that it signs with today.

Source: https://xrpl.org/docs/concepts/networks-and-servers/peer-protocol#node-key-pair, rippled's
`Manifest.cpp`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Self

from ._fields import read_fields
from .errors import BadSignature, Malformed
from .keys import check_key, is_signed_by, key_text

__all__ = ["REVOKED", "Manifest", "decode_base64", "encode_base64"]

REVOKED = 0xFFFF_FFFF
"""The sequence by which a master key is given up for good."""

_PREFIX = b"MAN\0"
_LIMIT = 1024  # three keys and signatures, and a domain of at most 128 bytes
_VERSION, _SEQUENCE = (1, 16), (2, 4)
_MASTER, _SIGNING_KEY, _SIGNATURE = (7, 1), (7, 3), (7, 6)
_DOMAIN, _MASTER_SIGNATURE = (7, 7), (7, 18)
_SIGNATURES = frozenset((_SIGNATURE, _MASTER_SIGNATURE))
_KNOWN = {_VERSION, _SEQUENCE, _MASTER, _SIGNING_KEY, _DOMAIN, *_SIGNATURES}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose signatures have been checked.

    Attributes:
        master: the key that identifies the validator or publisher, 33 bytes.
        sequence: the higher of two manifests of one master key counts.
        signing_key: what it signs with; None when the master key is revoked.
        domain: the website that it claims; empty without one.
        data: the serialised manifest.
    """

    master: bytes
    sequence: int
    signing_key: bytes | None
    domain: str
    data: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a manifest and check both of its signatures.

        Raises:
            Malformed: it cannot be read.
            BadSignature: one of its keys did not sign it.
        """
        fields = read_fields(data, "a manifest", limit=_LIMIT)
        # They would be signed as well. A field that we do not know could change what the manifest
        # means.
        unknown = fields.values.keys() - _KNOWN
        if unknown:
            raise Malformed(f"a manifest has no field {min(unknown)}")
        if int.from_bytes(fields.values.get(_VERSION, b"")):
            raise Malformed("a manifest of a version other than 0 cannot be read")
        master = check_key(fields.value(_MASTER, "PublicKey"))
        sequence = fields.number(_SEQUENCE, "Sequence")
        message = _PREFIX + fields.without(_SIGNATURES)
        signing_key = None
        if sequence == REVOKED:
            # A revocation needs the master key alone, as the signing key may be the one that was
            # stolen.
            if _SIGNING_KEY in fields.values or _SIGNATURE in fields.values:
                raise Malformed(f"the manifest that revokes {key_text(master)} has a signing key")
        else:
            signing_key = check_key(fields.value(_SIGNING_KEY, "SigningPubKey"))
            # The master key is to be kept offline: rippled refuses such a manifest, too.
            if signing_key == master:
                raise Malformed(f"the manifest of {key_text(master)} has one key for both")
            if not is_signed_by(signing_key, message, fields.value(_SIGNATURE, "Signature")):
                raise BadSignature(
                    f"the manifest of {key_text(master)} is not signed by its signing key"
                )
        if not is_signed_by(master, message, fields.value(_MASTER_SIGNATURE, "MasterSignature")):
            raise BadSignature(f"the manifest of {key_text(master)} is not signed by it")
        return cls(master, sequence, signing_key, _domain(fields.values.get(_DOMAIN)), data)

    @classmethod
    def from_base64(cls, text: object) -> Self:
        """The same from base64, as lists and the answers of servers have it."""
        return cls.from_bytes(decode_base64(text, "a manifest", limit=2 * _LIMIT))

    @property
    def revoked(self) -> bool:
        """Whether the master key is given up."""
        return self.signing_key is None


def decode_base64(text: object, what: str, *, limit: int) -> bytes:
    """The bytes behind base64 text from strangers; line breaks within it are allowed."""
    if not isinstance(text, str) or len(text) > limit:
        raise Malformed(f"{what} is not base64 text of at most {limit} letters")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None


def encode_base64(data: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data).decode()


def _domain(value: bytes | None) -> str:
    if value is None:
        return ""
    if len(value) > 128:
        raise Malformed(f"the domain of a manifest has at most 128 bytes, not {len(value)}")
    # For people only; nothing is decided by it, so an odd letter does not make us refuse the
    # manifest.
    return value.decode("ascii", "replace")
