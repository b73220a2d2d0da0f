"""The one error of a derivation, and how malformed input becomes it.

::

    Permanent
    └── DerivationError   a transaction or its metadata lacks what the derivation needs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ekspiper.core import Permanent
from ekspiper.xrpl.codec import CodecError

__all__ = ["MALFORMED", "DerivationError", "derivation", "error_text"]

P = ParamSpec("P")
R = TypeVar("R")

# Records come from servers of other versions and from files: each of these was met with fields
# left out or of another type.
MALFORMED = (CodecError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading a record raises that is not shaped as records are."""


class DerivationError(Permanent):
    """A value cannot be derived from this transaction. Others are not affected."""


def derivation(what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function raise `DerivationError`, and nothing else, for malformed input.

    Metadata may come from a newer server, with fields that the decoder could not read. Callers want
    to continue with the next transaction, so they need one error to catch.

    Args:
        what: is derived, for the message.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def derived(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except MALFORMED as error:
                raise DerivationError(f"{what} cannot be derived: {error_text(error)}") from error

        return derived

    return decorate


def error_text(error: BaseException) -> str:
    """An error in words; a KeyError has nothing but the name of the field."""
    if isinstance(error, KeyError):
        return f"the field {error} is missing"
    return f"{error}" if str(error) else type(error).__name__
