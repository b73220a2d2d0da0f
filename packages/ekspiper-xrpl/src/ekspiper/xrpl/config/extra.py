"""What a configuration needs beyond the package itself."""

from __future__ import annotations

from ekspiper.core import MissingExtra

try:
    import pydantic
except ImportError:
    raise MissingExtra(
        "a configuration needs pydantic: pip install 'ekspiper-xrpl[daemon]'"
    ) from None

__all__ = ["pydantic"]
