"""The length that stands before a value of variable size, in one to three bytes.

Source: https://xrpl.org/docs/references/protocol/binary-format#length-prefixing
"""

from __future__ import annotations

from .errors import CodecError

__all__ = ["encode_length", "read_length"]


def read_length(data: bytes, position: int) -> tuple[int, int]:
    """A length and the position after it.

    Raises:
        ValueError: no length begins like that.
        IndexError: the bytes end before it does.
    """
    first = data[position]
    if first <= 192:
        return first, position + 1
    if first <= 240:
        return 193 + (first - 193) * 256 + data[position + 1], position + 2
    if first <= 254:
        rest = data[position + 1] << 8 | data[position + 2]
        return 12481 + (first - 241) * 65536 + rest, position + 3
    raise ValueError("255 does not begin a length")


def encode_length(size: int) -> bytes:
    """The bytes that stand before `size` bytes.

    Raises:
        CodecError: no length says so much.
    """
    if size <= 192:
        return bytes((size,))
    if size <= 12480:
        high, low = divmod(size - 193, 256)
        return bytes((193 + high, low))
    if size <= 918744:
        high, rest = divmod(size - 12481, 65536)
        return bytes((241 + high, rest >> 8, rest & 255))
    raise CodecError(f"{size} bytes are more than the 918744 that a length prefix can say")
