"""Compression of files that grow: every batch is a whole gzip member or zstd frame."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ekspiper.core import ConfigError

from .._checks import missing_extra

__all__ = ["Codec", "Compression", "codec"]

Compression = Literal["gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to compress.

    Every reader of the format accepts several members one after the other, so a file that is cut
    back to the end of any batch is valid, too.

    Args:
        suffix: the end of the file name.
        magic: the first bytes of every member.
        compress: makes one member.
        decompressor: makes an object with `decompress`, `eof` and `unused_data`, for one member.
    """

    suffix: str
    magic: bytes
    compress: Callable[[bytes], bytes]
    decompressor: Callable[[], Any]


def codec(compression: Compression | None) -> Codec | None:
    """The codec of that name; None for plain text.

    Raises:
        ConfigError: the name is unknown.
        MissingExtra: it needs a package that is not installed.
    """
    if compression is None:
        return None
    if compression not in _CODECS:
        raise ConfigError(f"compression is {' or '.join(_CODECS)}, not {compression!r}")
    return _CODECS[compression]()


def _gzip() -> Codec:
    def compress(data: bytes) -> bytes:
        # Without a time in it, the same records make the same bytes.
        return gzip.compress(data, compresslevel=6, mtime=0)

    return Codec(".gz", b"\x1f\x8b", compress, lambda: zlib.decompressobj(wbits=31))


def _zstd() -> Codec:
    try:
        import zstandard
    except ImportError as error:
        raise missing_extra("zstd", error, extra="zstd") from None

    def compress(data: bytes) -> bytes:
        return zstandard.ZstdCompressor(level=3).compress(data)

    return Codec(
        ".zst", b"\x28\xb5\x2f\xfd", compress, lambda: zstandard.ZstdDecompressor().decompressobj()
    )


_CODECS: dict[str, Callable[[], Codec]] = {"gzip": _gzip, "zstd": _zstd}
