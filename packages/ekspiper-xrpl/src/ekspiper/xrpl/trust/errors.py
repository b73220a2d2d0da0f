"""What judging signatures and proofs raises.

TrustError              everything below; a proof, list or message that is refused
  Malformed             bytes or JSON that cannot be read
  BadSignature          it can be read, but a signature in it is wrong
  KeyConflict           a key that is revoked, or that belongs to another validator
  NotProven             each part is genuine, but together they do not prove the ledger

All of them are `Permanent`: reading the same bytes again gives the same error. Ask another node, or
get the file again.
"""

from __future__ import annotations

from ekspiper.core import Permanent

__all__ = ["BadSignature", "KeyConflict", "Malformed", "NotProven", "TrustError"]


class TrustError(Permanent):
    """A key, list, message or proof that is refused; the message says what is wrong with it.

    Everything in `ekspiper.xrpl.trust` that reads bytes of strangers raises this and nothing else,
    whatever the bytes are.
    """


class Malformed(TrustError):
    """Bytes or JSON that are not what they should be."""


class BadSignature(TrustError):
    """A signature that its key did not make over these bytes."""


class KeyConflict(TrustError):
    """A key that cannot be used: it is revoked, or another validator has it."""


class NotProven(TrustError):
    """Genuine parts that do not prove the ledger: too few signatures, another list, a gap."""
