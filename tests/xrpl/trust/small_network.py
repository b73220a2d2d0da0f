"""Validators and a publisher with keys that are made here, who sign whatever a test needs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha512
from typing import Any

from nacl.signing import SigningKey

from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.trust import (
    Manifest,
    SignedLedger,
    Validation,
    ValidatorList,
    ValidatorSet,
    read_validator_lists,
)

NOW = 850_000_000
"""The time of the small network, in seconds of the ledger's epoch."""

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of the group in which secp256k1 signs."""

FULLY_CANONICAL = 0x8000_0000
FULL = 0x0000_0001


class Key:
    """A key pair; the same name gives the same pair."""

    def __init__(self, name: str, *, ed25519: bool = False) -> None:
        seed = sha512(name.encode()).digest()[:32]
        self._ed25519 = SigningKey(seed) if ed25519 else None
        if self._ed25519 is not None:
            self.public = b"\xed" + bytes(self._ed25519.verify_key)
        else:
            self.public, self._sign = secp256k1_pair(seed)

    def sign(self, message: bytes) -> bytes:
        if self._ed25519 is not None:
            return self._ed25519.sign(message).signature
        return self._sign(sha512(message).digest()[:32])


def secp256k1_pair(seed: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """A public key, and what signs a digest for it with low S, by the library that is there."""
    try:
        from coincurve import PrivateKey
    except ImportError:
        return _pair_of_openssl(seed)
    pair = PrivateKey(seed)
    return pair.public_key.format(), lambda digest: pair.sign(digest, hasher=None)


def _pair_of_openssl(seed: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pair = ec.derive_private_key(int.from_bytes(seed), ec.SECP256K1())
    # As coincurve does it: who signs the same again makes the same signature.
    algorithm = ec.ECDSA(utils.Prehashed(SHA256()), deterministic_signing=True)

    def sign(digest: bytes) -> bytes:
        signature = pair.sign(digest, algorithm)
        low = utils.decode_dss_signature(signature)[1] <= ORDER // 2
        return signature if low else high_s(signature)

    return pair.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint), sign


@cache
def key(name: str, ed25519: bool = False) -> Key:
    return Key(name, ed25519=ed25519)


def variable(code: bytes, content: bytes) -> bytes:
    assert len(content) <= 192
    return code + bytes((len(content),)) + content


def manifest_bytes(
    master: Key,
    signing: Key | None,
    *,
    sequence: int = 1,
    domain: str = "",
    signed_by: Key | None = None,
    master_signed_by: Key | None = None,
) -> bytes:
    """A manifest; both signatures can be made by somebody else."""
    head = b"\x24" + sequence.to_bytes(4) + variable(b"\x71", master.public)
    if signing is not None:
        head += variable(b"\x73", signing.public)
    tail = variable(b"\x77", domain.encode()) if domain else b""
    message = b"MAN\0" + head + tail
    between = b""
    if signing is not None:
        between = variable(b"\x76", (signed_by or signing).sign(message))
    last = variable(b"\x70\x12", (master_signed_by or master).sign(message))
    return head + between + tail + last


def high_s(signature: bytes) -> bytes:
    """The other signature that satisfies the same equation: high S from low S, which rules forbid."""
    size = signature[3]
    r, s = signature[4 : 4 + size], int.from_bytes(signature[6 + size :])
    other = (ORDER - s).to_bytes(33).lstrip(b"\0")
    if other[0] & 0x80:
        other = b"\0" + other
    body = b"\x02" + bytes((len(r),)) + r + b"\x02" + bytes((len(other),)) + other
    return b"\x30" + bytes((len(body),)) + body


@dataclass(frozen=True)
class Validator:
    """A validator with its master key and the key that it signs with."""

    name: str
    generation: int = 1

    @property
    def master(self) -> Key:
        return key(f"master of {self.name}", ed25519=True)

    @property
    def signing(self) -> Key:
        return key(f"key {self.generation} of {self.name}")

    def manifest(self) -> Manifest:
        return Manifest.from_bytes(
            manifest_bytes(
                self.master,
                self.signing,
                sequence=self.generation,
                domain=f"{self.name}.example.org",
            )
        )

    def rotated(self) -> Validator:
        """The same validator with its next key."""
        return Validator(self.name, self.generation + 1)

    def validation(
        self,
        ledger_index: int,
        ledger_hash: bytes,
        *,
        at: int = NOW,
        flags: int = FULLY_CANONICAL | FULL,
        high: bool = False,
    ) -> Validation:
        numbers = ((b"\x22", flags), (b"\x26", ledger_index), (b"\x29", at))
        head = b"".join(code + number.to_bytes(4) for code, number in numbers)
        head += b"\x51" + ledger_hash + variable(b"\x73", self.signing.public)
        signature = self.signing.sign(b"VAL\0" + head)
        if high:
            signature = high_s(signature)
        return Validation.from_bytes(head + variable(b"\x76", signature))


@dataclass(frozen=True)
class SmallNetwork:
    """Five validators that a publisher recommends."""

    validators: tuple[Validator, ...] = field(
        default_factory=lambda: tuple(Validator(f"validator{number}") for number in range(5))
    )
    stranger: Validator = field(default_factory=lambda: Validator("stranger"))

    @property
    def publisher(self) -> Key:
        return key("publisher", ed25519=True)

    @property
    def publisher_key(self) -> Key:
        return key("the publisher's signing key")

    @property
    def trusted(self) -> dict[bytes, int | None]:
        return {self.publisher.public: 1021}

    def document(
        self,
        *,
        sequence: int = 1,
        effective: int | None = None,
        expiration: int = NOW + 1_000_000,
        publisher: Key | None = None,
        signed_by: Key | None = None,
        validators: tuple[Validator, ...] | None = None,
        version: int = 1,
    ) -> dict[str, Any]:
        """A list as a publisher serves it."""
        content: dict[str, Any] = {"sequence": sequence, "expiration": expiration}
        if effective is not None:
            content["effective"] = effective
        content["validators"] = [
            {
                "validation_public_key": each.master.public.hex().upper(),
                "manifest": base64.b64encode(each.manifest().data).decode(),
            }
            for each in (self.validators if validators is None else validators)
        ]
        blob = json.dumps(content).encode()
        owner = publisher or self.publisher
        part = {
            "blob": base64.b64encode(blob).decode(),
            "signature": (signed_by or self.publisher_key).sign(blob).hex().upper(),
        }
        head = {
            "public_key": owner.public.hex().upper(),
            "manifest": base64.b64encode(manifest_bytes(owner, self.publisher_key)).decode(),
            "version": version,
        }
        return {**head, **part} if version == 1 else {**head, "blobs_v2": [part]}

    def list(self, **options: Any) -> ValidatorList:
        """The same, read."""
        (read,) = read_validator_lists(self.document(**options))
        return read

    def set(self, **options: Any) -> ValidatorSet:
        """Those who are trusted."""
        return ValidatorSet.of_list(self.list(**options))

    def header(
        self,
        ledger_index: int = 1000,
        *,
        parent: bytes = bytes(32),
        transaction_hash: bytes = bytes(32),
        account_hash: bytes = b"\x07" * 32,
    ) -> LedgerHeader:
        """A header, of an empty ledger without more."""
        return LedgerHeader(
            ledger_index, 10**17, parent, transaction_hash, account_hash, NOW - 10, NOW, 10, 0
        )

    def signed(self, header: LedgerHeader | None = None, *, by: int = 5) -> SignedLedger:
        """A ledger that the first validators have signed."""
        header = header or self.header()
        index, hash = header.ledger_index, header.ledger_hash
        validations = tuple(each.validation(index, hash) for each in self.validators[:by])
        return SignedLedger(header, validations, self.list())
