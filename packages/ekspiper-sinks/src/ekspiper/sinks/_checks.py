"""What constructors of collectors check, and how a failure is put in a few words."""

from __future__ import annotations

import os
import re

from ekspiper.core import ConfigError, MissingExtra

__all__ = ["missing_extra", "reason_of", "refuse_unless_positive"]

_NUMBERS = re.compile(r"\[Errno (\d+)\]")


def missing_extra(what: str, error: ImportError, *, extra: str) -> MissingExtra:
    """The error to raise when a package of an extra is not installed.

    Args:
        what: what needs the package, in the singular.
        error: the failed import.
        extra: the extra of ekspiper-sinks, or several with commas between them.
    """
    package = f" {error.name}" if error.name else ""
    return MissingExtra(f"{what} needs the package{package}: pip install 'ekspiper-sinks[{extra}]'")


def refuse_unless_positive(**options: float | None) -> None:
    """Raise `ConfigError` for an option that is 0 or negative; None is fine."""
    for name, value in options.items():
        if value is not None and value <= 0:
            raise ConfigError(f"{name} must be more than 0, not {value}")


def reason_of(error: Exception) -> str:
    """The reason alone: errors of the system say number and path as well, and some have no text."""
    # asyncio's own words are "Connect call failed", or those of every address that a name has.
    numbers = set(_NUMBERS.findall(str(error))) if isinstance(error, OSError) else set()
    if len(numbers) == 1:
        return os.strerror(int(numbers.pop()))
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
