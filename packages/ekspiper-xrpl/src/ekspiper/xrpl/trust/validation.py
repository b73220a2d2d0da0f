"""Validations: the messages by which a validator says which ledger it has validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from ._fields import read_fields
from .errors import BadSignature, Malformed
from .keys import check_key, is_signed_by, key_text

__all__ = ["Validation"]

_PREFIX = b"VAL\0"
_LIMIT = 4096  # usually 230 bytes; a flag ledger's can name amendments, 32 bytes each
_FULL = 0x0000_0001
_FLAGS, _SEQUENCE, _SIGNING_TIME, _LEDGER_HASH = (2, 2), (2, 6), (2, 9), (5, 1)
_SIGNING_KEY, _SIGNATURE = (7, 3), (7, 6)


@dataclass(frozen=True, slots=True)
class Validation:
    """A validation as it was read. Its signature is checked when `check` is called.

    Attributes:
        ledger_index: of the ledger that it names.
        ledger_hash: of that ledger.
        signing_time: when the validator signed it, in seconds of the ledger's epoch.
        signing_key: who says so.
        flags: as sent.
        signature: over `message`.
        message: what is signed.
        data: the whole serialised validation.
    """

    ledger_index: int
    ledger_hash: bytes
    signing_time: int
    signing_key: bytes
    flags: int
    signature: bytes = field(repr=False)
    message: bytes = field(repr=False)
    data: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a validation, without checking its signature: most senders are not trusted anyway.

        Raises:
            Malformed: it cannot be read.
        """
        fields = read_fields(data, "a validation", limit=_LIMIT)
        return cls(
            ledger_index=fields.number(_SEQUENCE, "LedgerSequence"),
            ledger_hash=fields.value(_LEDGER_HASH, "LedgerHash"),
            signing_time=fields.number(_SIGNING_TIME, "SigningTime"),
            # Not `master`: it is claimed by the message around this one, which nobody has signed.
            signing_key=check_key(fields.value(_SIGNING_KEY, "SigningPubKey")),
            flags=fields.number(_FLAGS, "Flags"),
            signature=fields.value(_SIGNATURE, "Signature"),
            message=_PREFIX + fields.without((_SIGNATURE,)),
            data=data,
        )

    @classmethod
    def from_hex(cls, text: object) -> Self:
        """The same from hex, as the stream `validations` has it in `data`."""
        if not isinstance(text, str) or len(text) > 2 * _LIMIT:
            raise Malformed(f"a validation is not hex text of at most {2 * _LIMIT} digits")
        try:
            return cls.from_bytes(bytes.fromhex(text))
        except ValueError:
            raise Malformed("a validation is not in hex") from None

    @property
    def full(self) -> bool:
        """Whether the validator has applied the ledger itself. Only such validations count."""
        return bool(self.flags & _FULL)

    def check(self) -> None:
        """Check the signature.

        Raises:
            BadSignature: its key did not sign it.
        """
        # Validators sign ledgers with secp256k1 only, as rippled demands.
        if self.signing_key[0] == 0xED or not is_signed_by(
            self.signing_key, self.message, self.signature
        ):
            raise BadSignature(
                f"the validation of ledger {self.ledger_index} is not signed by "
                f"{key_text(self.signing_key)}"
            )
