"""Words for messages: errors in one line, values cut short, calls that should be async."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Awaitable, Callable
from typing import Any

from .errors import PipelineError, Throttled, is_retryable

__all__ = ["awaiting", "counted", "describe", "kind_of", "shown"]


# An item may be a record of megabytes, and the message that shows it is one line.
_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 80


def kind_of(error: BaseException) -> str:
    """The kind of an error, as metrics name it: retryable, throttled or permanent."""
    if isinstance(error, Throttled):
        return "throttled"
    return "retryable" if is_retryable(error) else "permanent"


def describe(error: BaseException) -> str:
    """An exception in one line; the class is named unless the error is one of ours."""
    text = " ".join(str(error).split()) or type(error).__name__
    # Our messages are sentences; `KeyError: 'x'` is not one without its class.
    ours = type(error).__module__.startswith("ekspiper.")
    return text if ours or text == type(error).__name__ else f"{type(error).__name__}: {text}"


def shown(value: object) -> str:
    """A value as Python shows it, in one line and cut short; a million items are not looked at."""
    return " ".join(_SHORT.repr(value).split())


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 item`, `2,000 items`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def awaiting(call: Callable[..., Any], what: str) -> Callable[..., Awaitable[Any]]:
    """`call`, which must be async; one that is not is named as `what` in the error.

    Raises:
        PipelineError: when it is called, if it returns something that cannot be awaited.
    """
    # Known beforehand for nearly all, and then nothing is checked at each call.
    if inspect.iscoroutinefunction(call):
        return call

    async def checked(*arguments: Any) -> Any:
        result = call(*arguments)
        if not inspect.isawaitable(result):
            name = getattr(call, "__name__", "it")
            raise PipelineError(f"{what}: `{name}` is not async; write `async def {name}`")
        return await result

    return checked
