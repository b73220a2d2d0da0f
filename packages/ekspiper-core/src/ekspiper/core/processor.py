"""The contract of a processor, and how a plain function becomes one."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, Protocol, TypeVar

from .component import Component

__all__ = ["FunctionProcessor", "PassThrough", "Processor", "processor"]

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Processor(Component, Protocol[In_contra, Out_co]):
    """Turns one item into zero or more outputs; pure where it can be.

    `process` is called once per item, and again after a `Retryable` error; up to `concurrency`
    calls of one step run at once. Outputs are handed on in the order of the items. No output
    means that the item was filtered, which counts as kept.
    """

    async def process(self, item: In_contra) -> Iterable[Out_co] | AsyncIterable[Out_co]:
        """The outputs of one item: any iterable, or an async iterable, read lazily.

        Raises:
            Retryable: tried again by the step's retry policy.
            Throttled: tried again after the delay it names.
            Permanent: the item goes to the dead letters. So does any other exception.
        """
        raise NotImplementedError


class PassThrough(Processor[Any, Any]):
    """Hands every item on unchanged."""

    async def process(self, item: Any) -> tuple[Any]:
        """The item itself."""
        return (item,)


class FunctionProcessor(Processor[Any, Any]):
    """A plain function as a processor; see `processor`."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    def __call__(self, item: Any) -> Any:
        """The function itself, so that it can be tried out on one item."""
        return self.function(item)

    async def process(self, item: Any) -> Iterable[Any] | AsyncIterable[Any]:
        """The function's outputs for `item`."""
        result = self.function(item)
        if inspect.isawaitable(result):
            result = await result
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            return result
        return () if result is None else (result,)


def processor(function: Callable[[Any], Any]) -> FunctionProcessor:
    """Make a plain function a processor.

    A function that returns gives one output, None filters the item, and a generator gives as
    many as it yields. It may be `async`.

    >>> @processor
    ... def large_fees(transaction):
    ...     return transaction if int(transaction["Fee"]["value"]) > 1000 else None
    """
    return FunctionProcessor(function)
