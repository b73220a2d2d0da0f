"""Turns records back into the bytes that the ledger hashed, to prove what stands in a file."""

from __future__ import annotations

from typing import Any

from ..codec.errors import CodecError

__all__ = ["encode_record", "server_shape"]

_MADE = frozenset(
    {"meta", "hash", "ledger_index", "ledger_hash", "close_time_iso", "ctid", "delivered_amount"}
)
_AMOUNT = {"currency", "issuer", "value"}
_POSITIVE = 1 << 62  # the sign of an XRP amount, beside its drops
_STAND_IN = 10**17  # drops: all the XRP there can be, so that no amount comes near it


def encode_record(record: dict[str, Any]) -> tuple[bytes, bytes]:
    """The bytes of a transaction record and of its metadata, by xrpl-py's encoder.

    Raises:
        CodecError: it cannot be encoded, for example because fields were taken out.
    """
    fields = {name: value for name, value in record.items() if name not in _MADE}
    try:
        return _encoded(fields), _encoded(record["meta"])
    except Exception as error:
        raise CodecError(f"transaction {record.get('hash')} cannot be encoded: {error}") from error


def server_shape(value: Any) -> Any:
    """A value of a record in the shape that rippled prints: the inverse of the record shape."""
    if isinstance(value, list):
        if value and isinstance(value[0], dict) and set(value[0]) == {"steps"}:
            return [each["steps"] for each in value]
        return [server_shape(each) for each in value]
    if not isinstance(value, dict):
        return value
    names = set(value)
    if names == _AMOUNT and value["currency"] == "XRP" and not value["issuer"]:
        return value["value"]
    if names == _AMOUNT | {"mpt_issuance_id"}:
        return {"mpt_issuance_id": value["mpt_issuance_id"], "value": value["value"]}
    return {name: server_shape(inner) for name, inner in value.items()}


def _encoded(fields: dict[str, Any]) -> bytes:
    from xrpl.core.binarycodec import encode

    negative: list[int] = []
    data = bytes.fromhex(encode(server_shape(_without_negative_xrp(fields, negative))))
    for place, drops in enumerate(negative):
        stand_in = (_STAND_IN - place) | _POSITIVE
        data = data.replace(stand_in.to_bytes(8), drops.to_bytes(8))
    return data


def _without_negative_xrp(value: Any, negative: list[int]) -> Any:
    """The value with stand-ins for negative XRP amounts, and the drops of those in `negative`.

    Ledgers of 2013 hold such amounts; xrpl-py writes them in a few fields only.
    """
    if isinstance(value, list):
        return [_without_negative_xrp(each, negative) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == _AMOUNT and value["currency"] == "XRP" and value["value"].startswith("-"):
        negative.append(-int(value["value"]))
        return {**value, "value": str(_STAND_IN - len(negative) + 1)}
    return {name: _without_negative_xrp(inner, negative) for name, inner in value.items()}
