"""Puts a record back into the shape in which it was decoded, and into the ledger's own bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ..codec.decoder import UNRECOGNIZED
from ..codec.encoder import Encoder
from ..codec.errors import CodecError

__all__ = ["MADE", "encode_record", "original"]

MADE = frozenset({"hash", "ledger_index", "ledger_hash", "close_time_iso", "ctid"}) | {
    "delivered_amount"
}
"""Members of a transaction's record that are not fields of the ledger."""

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,9})\]")


def original(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a transaction and its `meta` as they were decoded, as a copy where it differs.

    Everything under `_unrecognized` is back in its place; what the pipeline added is left out.

    Raises:
        CodecError: something of it does not fit into the place that it names.
    """
    fields = {name: value for name, value in record.items() if name not in MADE}
    kept = fields.pop(UNRECOGNIZED, None)
    if not kept:
        return fields
    fields = deepcopy(fields)
    try:
        for path, value in kept.items():
            _put_back(fields, path, value)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CodecError(f"{UNRECOGNIZED}: nothing fits into its places: {error}") from error
    return fields


def _put_back(fields: dict[str, Any], path: str, value: Any) -> None:
    """Misfits come in the order of the record, so that elements taken out of a list fit in."""
    steps: list[str | int] = [int(at) if at else name for name, at in _STEP.findall(path)]
    holder: Any = fields
    for step in steps[:-1]:
        if value is None and isinstance(holder, dict) and step not in holder:
            return  # what is around a missing field may be missing, too
        holder = holder[step]
    last = steps[-1]
    if value is None:
        if last in holder:
            raise ValueError(f"{path} is not missing")
    elif isinstance(last, int):
        if last > len(holder):
            raise ValueError(f"{path} is beyond the end")
        holder.insert(last, value)
    else:
        # A code without a name is in its place as well, as text.
        if str(holder.get(last, value)) != str(value):
            raise ValueError(f"{path} is {holder[last]}, not {value}")
        holder[last] = value


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
