"""The fields of a small serialised object: manifests, validations and skip lists.

The full codec needs definitions and gives JSON. A signature is over bytes, so here fields stay
bytes, and the signed message is cut from the original instead of being encoded again.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from ekspiper.xrpl.codec import read_length

from .errors import Malformed

__all__ = ["Fields", "read_fields"]

Code = tuple[int, int]
"""The type and the number of a field."""

# Bytes of a field of each type that has a fixed size: the integers, the hashes, and (17) 160 bits.
_SIZES = {1: 2, 2: 4, 3: 8, 4: 16, 5: 32, 16: 1, 17: 20}
_AMOUNT = 6
# Blob, AccountID and Vector256 have their length before them.
_WITH_LENGTH = frozenset((7, 8, 19))
_MOST_FIELDS = 40  # a validation has at most 19 today


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of an object's fields, as bytes, and where they stood.

    Attributes:
        what: the object, for messages: "a manifest".
        data: the bytes that were read.
        values: the content of each field, without header and length.
        spans: from where to where each field stands in `data`, header included.
    """

    what: str
    data: bytes
    values: dict[Code, bytes]
    spans: dict[Code, tuple[int, int]]

    def value(self, code: Code, name: str) -> bytes:
        """A field that must be there."""
        value = self.values.get(code)
        if value is None:
            raise Malformed(f"{self.what} has no {name}")
        return value

    def number(self, code: Code, name: str) -> int:
        """A number that must be there."""
        return int.from_bytes(self.value(code, name))

    def without(self, codes: Container[Code]) -> bytes:
        """The bytes of all fields but these, as they are signed."""
        return b"".join(
            self.data[start:end] for code, (start, end) in self.spans.items() if code not in codes
        )


def read_fields(data: bytes, what: str, *, limit: int) -> Fields:
    """The fields of an object, which must stand in canonical order, each once.

    Args:
        what: the object, for messages: "a manifest".
        limit: bytes that it may have at most.

    Raises:
        Malformed: it is longer, is out of order, or ends within a field.
    """
    if len(data) > limit:
        raise Malformed(f"{what} has at most {limit} bytes, not {len(data)}")
    values: dict[Code, bytes] = {}
    spans: dict[Code, tuple[int, int]] = {}
    last: Code = (0, 0)
    position = 0
    try:
        while position < len(data):
            start = position
            code, position = _code(data, position)
            # The order makes the bytes unique: nobody can sign one and show another.
            if code <= last:
                raise Malformed(f"{what}: its fields are not in order at byte {start}")
            size, position = _size(data, position, code)
            if position + size > len(data):
                raise IndexError
            values[code] = data[position : position + size]
            position += size
            spans[code] = (start, position)
            last = code
            if len(values) > _MOST_FIELDS:
                raise Malformed(f"{what} has more than {_MOST_FIELDS} fields")
    except IndexError:
        raise Malformed(f"{what} of {len(data)} bytes ends within a field") from None
    except ValueError as error:
        raise Malformed(f"{what}: at byte {position}: {error}") from None
    return Fields(what, data, values, spans)


def _code(data: bytes, position: int) -> tuple[Code, int]:
    """The field's type and number, each of which has its own byte from 16 on."""
    kind, number = data[position] >> 4, data[position] & 15
    position += 1
    if kind == 0:
        kind = data[position]
        position += 1
        # Two ways to write one field would be two messages that say the same, of which one is
        # signed.
        if kind < 16:
            raise ValueError("a field has a longer code than it needs")
    if number == 0:
        number = data[position]
        position += 1
        if number < 16:
            raise ValueError("a field has a longer code than it needs")
    return (kind, number), position


def _size(data: bytes, position: int, code: Code) -> tuple[int, int]:
    """How many bytes the field's content has, and where it begins."""
    kind = code[0]
    if kind in _SIZES:
        return _SIZES[kind], position
    if kind == _AMOUNT:
        # The highest bit stands for a token. Without it, the third one stands for an MPT,
        # otherwise it is XRP.
        return (48 if data[position] & 0x80 else 33 if data[position] & 0x20 else 8), position
    if kind not in _WITH_LENGTH:
        raise ValueError(f"a field of type {kind} does not belong here")
    return read_length(data, position)
