"""The public keys of validators and publishers, and the signatures that they make.

A key is 33 bytes: `02` or `03` and a point of secp256k1, or `ED` and an Ed25519 key. As text it is
base58 (`n...`) or hex.

secp256k1 is verified by `coincurve`, Ed25519 by PyNaCl: of the libraries that we measured they are
the fastest (35 and 73 microseconds; `cryptography` takes 456 and 116). `coincurve` cannot be installed
on Python 3.14; where it is missing, `cryptography` verifies secp256k1, with the same answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256, sha512

from ekspiper.core import MissingExtra

from .errors import Malformed

__all__ = ["check_key", "is_signed_by", "key_text", "read_key"]

_ALPHABET = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_DIGITS = {letter: digit for digit, letter in enumerate(_ALPHABET)}
_NODE_PUBLIC = b"\x1c"  # the version byte 28, which makes the text begin with n
_KEY_SIZE = 33
_LARGEST_LOW_S = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
_KEYS_KEPT = 4096  # a network has a few hundred validators; a flood of false ones is forgotten

_Check = Callable[[bytes, bytes], bool]


@lru_cache(maxsize=_KEYS_KEPT)
def read_key(text: str) -> bytes:
    """The 33 bytes of a key from hex or base58 (`n...`).

    Raises:
        Malformed: it is neither.
    """
    # The cost of base58 grows with the square of the length, and strangers choose the length.
    if len(text) > 100:
        raise Malformed(f"a public key has 66 hex digits or about 52 letters, not {len(text)}")
    if len(text) == 2 * _KEY_SIZE:
        try:
            return check_key(bytes.fromhex(text))
        except ValueError:
            raise Malformed(f"{text!r} is not a public key in hex") from None
    return check_key(_from_base58(text))


@lru_cache(maxsize=_KEYS_KEPT)
def key_text(key: bytes) -> str:
    """A key as people write it, such as `nHUfrFcHL6FkN8QSeWQzG44iAcYK1mhL7JZ3reriP7fzy24zZ7ot`."""
    payload = _NODE_PUBLIC + key
    number = int.from_bytes(payload + _checksum(payload))
    letters = []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))


def check_key(key: bytes) -> bytes:
    """The key itself, when its length and its first byte are those of one; else `Malformed`."""
    if len(key) != _KEY_SIZE or key[0] not in (0x02, 0x03, 0xED):
        raise Malformed(f"{key.hex().upper():.80} is not a public key: it has no known kind")
    return key


def is_signed_by(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the key signed exactly this message.

    secp256k1 signatures are over the SHA-512 half of the message, in DER and with low S: a
    signature with high S is refused, although rippled accepts it in validations whose flags do not
    ask for low S. Validators have set that flag since 2014.
    """
    # PyNaCl treats another length as a mistake of its caller, and raises another error.
    if key[0] == 0xED and len(signature) != 64:
        return False
    return _check(key)(message, signature)


@lru_cache(maxsize=_KEYS_KEPT)
def _check(key: bytes) -> _Check:
    """How signatures of this key are checked; the key is parsed once."""
    return _ed25519(key) if key[0] == 0xED else _secp256k1(key)


def _ed25519(key: bytes) -> _Check:
    try:
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey
    except ImportError as error:
        raise _missing("PyNaCl") from error
    parsed = VerifyKey(key[1:])

    def check(message: bytes, signature: bytes) -> bool:
        try:
            parsed.verify(message, signature)
        except BadSignatureError:
            return False
        return True

    return check


def _secp256k1(key: bytes) -> _Check:
    try:
        from coincurve import PublicKey
    except ImportError:
        return _secp256k1_of_openssl(key)
    try:
        parsed = PublicKey(key)
    except ValueError:  # the bytes name no point of the curve, so nobody can sign with them
        return _refuse

    def check(message: bytes, signature: bytes) -> bool:
        try:
            return parsed.verify(signature, _half(message), hasher=None)
        except ValueError:  # not DER
            return False

    return check


def _secp256k1_of_openssl(key: bytes) -> _Check:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.hashes import SHA256
    except ImportError as error:
        raise _missing("coincurve or cryptography") from error
    try:
        parsed = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), key)
    except ValueError:  # as above
        return _refuse
    # Only the size of SHA-256 counts here: the message is hashed already.
    algorithm = ec.ECDSA(utils.Prehashed(SHA256()))

    def check(message: bytes, signature: bytes) -> bool:
        try:
            # OpenSSL accepts the high S too, coincurve does not.
            if utils.decode_dss_signature(signature)[1] > _LARGEST_LOW_S:
                return False
            parsed.verify(signature, _half(message), algorithm)
        except (ValueError, InvalidSignature):
            return False
        return True

    return check


def _refuse(message: bytes, signature: bytes) -> bool:
    return False


def _half(message: bytes) -> bytes:
    return sha512(message).digest()[:32]


def _missing(library: str) -> MissingExtra:
    return MissingExtra(
        f"signatures need {library}, which is not installed: pip install 'ekspiper-xrpl[trust]'"
    )


def _checksum(payload: bytes) -> bytes:
    return sha256(sha256(payload).digest()).digest()[:4]


def _from_base58(text: str) -> bytes:
    number = 0
    try:
        for letter in text:
            number = number * 58 + _DIGITS[letter]
        data = number.to_bytes(1 + _KEY_SIZE + 4)
    except (KeyError, OverflowError):
        raise Malformed(f"{text!r} is not a public key, neither in hex nor in base58") from None
    payload, checksum = data[:-4], data[-4:]
    if payload[:1] != _NODE_PUBLIC or checksum != _checksum(payload):
        raise Malformed(f"{text!r} is not a public key: its checksum or its kind is wrong")
    return payload[1:]
