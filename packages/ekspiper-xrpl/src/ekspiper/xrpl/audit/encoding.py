"""Turns records back into the bytes that the ledger hashed, to prove what stands in a file."""

from __future__ import annotations

from typing import Any

from ..codec.encoder import Encoder
from ..codec.errors import CodecError

__all__ = ["encode_record"]

_MADE = frozenset(
    {"meta", "hash", "ledger_index", "ledger_hash", "close_time_iso", "ctid", "delivered_amount"}
)


def encode_record(record: dict[str, Any], encoder: Encoder) -> tuple[bytes, bytes]:
    """The bytes of a transaction record and of its metadata.

    Raises:
        CodecError: it cannot be encoded, for example because fields were taken out.
    """
    fields = {name: value for name, value in record.items() if name not in _MADE}
    try:
        return encoder.encode(fields), encoder.encode(record["meta"])
    except (CodecError, KeyError, AttributeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise CodecError(f"transaction {record.get('hash')} cannot be encoded: {reason}") from error
