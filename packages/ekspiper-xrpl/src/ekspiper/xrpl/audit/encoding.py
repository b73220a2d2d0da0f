"""Turns records back into the bytes that the ledger hashed, to prove what stands in a file."""

from __future__ import annotations

from typing import Any

from ekspiper.core import ConfigError

__all__ = ["encode_record", "server_shape"]

_MADE = frozenset(
    {"meta", "hash", "ledger_index", "ledger_hash", "close_time_iso", "ctid", "delivered_amount"}
)
_AMOUNT = {"currency", "issuer", "value"}


def encode_record(record: dict[str, Any]) -> tuple[bytes, bytes]:
    """The bytes of a transaction record and of its metadata, by xrpl-py's encoder.

    Raises:
        ConfigError: it cannot be encoded, for example because fields were taken out.
    """
    from xrpl.core.binarycodec import encode

    fields = {name: value for name, value in record.items() if name not in _MADE}
    try:
        tx = encode(server_shape(fields))
        meta = encode(server_shape(record["meta"]))
    except Exception as error:
        raise ConfigError(
            f"transaction {record.get('hash')}: cannot be encoded: {error}"
        ) from error
    return bytes.fromhex(tx), bytes.fromhex(meta)


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
