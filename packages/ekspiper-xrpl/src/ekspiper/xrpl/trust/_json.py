"""Reads JSON proofs of strangers: every member is known, none is there twice, hex has one case.

A proof is refused when anything in it is not what it should be, even where the rest would suffice:
those who pass a proof on must not be able to change what a reader sees in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import Malformed

__all__ = [
    "header_fields",
    "hex_bytes",
    "json_list",
    "json_object",
    "json_text",
    "members",
    "natural",
    "read_json",
]

_LIMIT = 16 * 1024 * 1024  # the proof of a mainnet transaction has 120 kB


def read_json(document: bytes) -> dict[str, Any]:
    """The object in a document.

    Raises:
        Malformed: it is not JSON, is too long, is nested too deep, or names a member twice.
    """
    if len(document) > _LIMIT:
        raise Malformed(f"a proof has at most {_LIMIT} bytes, not {len(document)}")
    try:
        # Not orjson, which takes the last of two members with one name, so that two readers could
        # see two proofs.
        content = json.loads(document, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the proof is not JSON: {error}") from None
    return json_object(content, "the proof")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) != len(pairs):
        raise ValueError("an object names a member twice")
    return held


def json_object(value: Any, what: str) -> dict[str, Any]:
    """A value that must be an object."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not an object")
    return value


def json_list(value: Any, what: str) -> list[Any]:
    """A value that must be a list."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is not a list")
    return value


def json_text(value: Any, what: str) -> str:
    """A value that must be text."""
    if not isinstance(value, str):
        raise Malformed(f"{what} is not text")
    return value


def members(
    value: Any, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """An object with exactly these members."""
    held = json_object(value, what)
    for name in required:
        if name not in held:
            raise Malformed(f"{what} has no {name}")
    for name in held:
        if name not in required and name not in optional:
            raise Malformed(f"{what} has a member {name!r:.40} that does not belong there")
    return held


def hex_bytes(value: Any, what: str, *, size: int | None = None) -> bytes:
    """Bytes in hex, of one case."""
    text = json_text(value, what)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise Malformed(f"{what} is not in hex") from None
    # Hex may be written in either case, but not in 2 to the power of its letters: a proof has one
    # form.
    if data.hex() != text and data.hex().upper() != text:
        raise Malformed(f"{what} mixes upper and lower case, or has spaces")
    if size is not None and len(data) != size:
        raise Malformed(f"{what} has {len(data)} bytes, not {size}")
    return data


def natural(value: Any, what: str, *, bits: int = 32) -> int:
    """A number of a given count of bits, as a number or in decimal digits without leading zeros."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value)) == value:
        value = int(value)
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise Malformed(f"{what} is not a number of {bits} bits")
    return value


def header_fields(held: Mapping[str, Any], what: str, names: tuple[str, ...]) -> tuple[Any, ...]:
    """The fields of a ledger header in their order, under the names that a format gives them."""
    bits = (32, 64, 0, 0, 0, 32, 32, 8, 8)
    return tuple(
        natural(held[name], f"{name} of {what}", bits=size)
        if size
        else hex_bytes(held[name], f"{name} of {what}", size=32)
        for name, size in zip(names, bits, strict=True)
    )
