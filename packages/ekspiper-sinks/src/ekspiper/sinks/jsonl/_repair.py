"""What a crash left at the end of a file: where its last whole part ends."""

from __future__ import annotations

import os
import zlib

import orjson

from ekspiper.core import ConfigError

from ._compression import Codec

__all__ = ["end_of_lines", "end_of_members"]

_BLOCK = 1 << 20


def end_of_lines(descriptor: int, length: int) -> tuple[int, bytes]:
    """Where the last whole line ends, and what must be appended there to end it.

    A last line without its newline is torn, unless it is a whole record: then only the newline is
    missing, as a part of an object is never a record itself.
    """
    # Backwards, block by block: the file may be large, and only its last line is of interest.
    tail, start = b"", length
    while start > 0:
        block = min(_BLOCK, start)
        start -= block
        tail = os.pread(descriptor, block, start) + tail
        newline = tail.rfind(b"\n")
        if newline >= 0:
            start, tail = start + newline + 1, tail[newline + 1 :]
            break
    # A last line without its newline may be whole: another program may have written it.
    return (length, b"\n") if _is_record(tail) else (start, b"")


def _is_record(text: bytes) -> bool:
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False


def end_of_members(descriptor: int, length: int, codec: Codec) -> int:
    """Where the last whole member of a compressed file ends: the rest is torn.

    Raises:
        ConfigError: the file does not even begin with a member.
    """
    if not length:
        return 0
    begin = os.pread(descriptor, len(codec.magic), 0)
    if not codec.magic.startswith(begin):
        raise ConfigError(f"it is not a {codec.suffix} file")
    end = position = 0
    member = codec.decompressor()
    while position < length:
        block = os.pread(descriptor, min(_BLOCK, length - position), position)
        if not block:
            break
        position += len(block)
        while block:
            try:
                member.decompress(block)
            except _damage():
                return end  # a power failure may leave zeros behind what was synced
            # The member goes beyond this block, or was torn: then `end` stays where it is.
            if not member.eof:
                break
            block = member.unused_data
            end = position - len(block)
            member = codec.decompressor()
    return end


def _damage() -> tuple[type[Exception], ...]:
    """The errors that the decompressors raise on damaged bytes."""
    try:
        import zstandard
    except ImportError:
        return (zlib.error,)
    return (zlib.error, zstandard.ZstdError)
