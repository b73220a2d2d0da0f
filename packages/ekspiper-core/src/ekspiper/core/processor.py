"""The contract of a processor, and how a plain function becomes one."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import itertools
from collections.abc import AsyncIterable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from .component import Component
from .errors import PipelineError

__all__ = ["FunctionProcessor", "PassThrough", "Processor", "all_of", "processor"]

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
    """Wraps a plain function as a processor; see `processor`.

    Args:
        function: called with each item.
        threads: how many threads call it; with 0 it is called in the event loop.
        max_outputs: a function that yields more than this in a thread is stopped there; the step
            then reports it.
    """

    def __init__(
        self, function: Callable[[Any], Any], *, threads: int = 0, max_outputs: int = 100_000
    ) -> None:
        self.function = function
        self.threads = threads
        self.blocks = False
        """Whether the function was found to block: it returned something that is not awaited."""
        self._limit = max_outputs + 1
        self._pool: ThreadPoolExecutor | None = None
        # So that steps, logs and diagrams show the function's own name.
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    def __call__(self, item: Any) -> Any:
        """Call the function itself, to try it out on one item."""
        return self.function(item)

    async def process(self, item: Any) -> Iterable[Any] | AsyncIterable[Any]:
        """The function's outputs for `item`."""
        if self.threads:
            return await self._process_in_thread(item)
        result = self.function(item)
        if inspect.isawaitable(result):
            result = await result
        else:
            self.blocks = True
        # A list is one output: a function that has several yields them.
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            return result
        return () if result is None else (result,)

    async def close(self) -> None:
        """Do not wait for the threads: a call that is under way ends by itself."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _process_in_thread(self, item: Any) -> Iterable[Any]:
        if self._pool is None:
            # A pool of its own: asyncio's has few threads, and is shared with the whole program.
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=self.__name__)
        loop = asyncio.get_running_loop()
        # As asyncio.to_thread does it: loggers and tracers keep their context in such variables.
        context = contextvars.copy_context()
        return await loop.run_in_executor(self._pool, context.run, self._outputs, item)

    def _outputs(self, item: Any) -> Iterable[Any]:
        """Everything that the function returns or yields, computed in a thread."""
        result = self.function(item)
        if inspect.isgenerator(result):
            return list(itertools.islice(result, self._limit))
        if inspect.isawaitable(result) or inspect.isasyncgen(result):
            if inspect.iscoroutine(result):
                result.close()  # Python would warn that nobody awaited it
            raise PipelineError(f"{self.__name__} is async, and needs no threads=True")
        return () if result is None else (result,)


def processor(function: Callable[[Any], Any]) -> FunctionProcessor:
    """Make a plain function a processor.

    A function that returns gives one output, None filters the item, and a generator gives as
    many as it yields. It may be `async`. A function that blocks, while it reads a file or waits for
    an answer, holds up everything else; run it in threads: `Step(f, threads=True, concurrency=20)`.

    >>> @processor
    ... def large_fees(transaction):
    ...     return transaction if int(transaction["Fee"]["value"]) > 1000 else None
    """
    return FunctionProcessor(function)


async def all_of(made: Any, limit: int) -> list[Any]:
    """All outputs in what a processor returned, whatever kind of iterable it is.

    Raises:
        PipelineError: it is not an iterable of outputs, or has more than `limit`.
    """
    outputs: list[Any] = []
    if isinstance(made, AsyncIterable):
        try:
            async for output in made:
                outputs.append(output)
                _refuse_too_many(len(outputs), limit)
        finally:
            # Also when it gave too many outputs: a generator holds what it has opened until then.
            if hasattr(made, "aclose"):
                await made.aclose()
    elif isinstance(made, list | tuple):
        _refuse_too_many(len(made), limit)
        outputs = list(made)
    elif isinstance(made, Iterable) and not isinstance(made, str | bytes | dict):
        for output in made:
            outputs.append(output)
            _refuse_too_many(len(outputs), limit)
    else:
        raise PipelineError(
            f"the processor returned {made!r:.100}: process returns an iterable of outputs, "
            "for example (output,)"
        )
    return outputs


def _refuse_too_many(count: int, limit: int) -> None:
    if count > limit:
        raise PipelineError(
            f"the processor gave more than {limit} outputs for one item; if that is meant, "
            "raise max_outputs of the step"
        )
