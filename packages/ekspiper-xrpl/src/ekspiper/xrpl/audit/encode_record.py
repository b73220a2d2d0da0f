"""Puts a record back into the shape in which it was decoded, and into the ledger's own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.xrpl.codec import UNRECOGNIZED, CodecError, Encoder
from ekspiper.xrpl.schema import put_back

__all__ = ["MADE", "encode_record", "original"]

MADE = frozenset({"hash", "ledger_index", "ledger_hash", "close_time_iso", "ctid"}) | {
    "delivered_amount"
}
"""Members of a transaction's record that are not fields of the ledger."""


def original(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a transaction and its `meta` as they were decoded, as a copy where it differs.

    Everything under `_unrecognized` is back in its place; what the pipeline added is left out.

    Raises:
        CodecError: something of it does not fit into the place that it names.
    """
    fields = {name: value for name, value in record.items() if name not in MADE}
    kept = fields.pop(UNRECOGNIZED, None)
    # Nearly always: nothing was taken out, and nothing has to be copied.
    if not kept:
        return fields
    try:
        return put_back(fields, kept)
    except (AttributeError, ValueError) as error:
        raise CodecError(str(error)) from error


def encode_record(record: Mapping[str, Any], encoder: Encoder) -> tuple[bytes, bytes]:
    """The bytes of a transaction record and of its metadata.

    Raises:
        CodecError: it cannot be encoded, for example because fields were taken out.
    """
    try:
        fields = original(record)
        meta = fields.pop("meta")
        return encoder.encode(fields), encoder.encode(meta)
    except (CodecError, KeyError, AttributeError, RecursionError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise CodecError(f"transaction {record.get('hash')} cannot be encoded: {reason}") from error
