"""What decoding raises."""

from __future__ import annotations

from ekspiper.core import Permanent

__all__ = ["CodecError"]


class CodecError(Permanent):
    """Bytes that are not what they should be; the message names the field and the position."""
