"""Errors in one line, and their kinds."""

from __future__ import annotations

from ..errors import Throttled, is_retryable

__all__ = ["describe", "kind_of"]


def kind_of(error: BaseException) -> str:
    """The kind of an error, as metrics name it: retryable, throttled or permanent."""
    if isinstance(error, Throttled):
        return "throttled"
    return "retryable" if is_retryable(error) else "permanent"


def describe(error: BaseException) -> str:
    """An exception in one line; the class is named unless the error is one of ours."""
    text = " ".join(str(error).split()) or type(error).__name__
    ours = type(error).__module__.startswith("ekspiper.")
    return text if ours or text == type(error).__name__ else f"{type(error).__name__}: {text}"
