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
    """A plain function as a processor; see `processor`.

    Args:
        function: called with each item.
        threads: so many threads call it; 0: it is called where everything else runs.
        max_outputs: so many outputs of a function that yields are read in a thread; then the step
            finds that there are too many.
    """

    def __init__(
        self, function: Callable[[Any], Any], *, threads: int = 0, max_outputs: int = 100_000
    ) -> None:
        self.function = function
        self.threads = threads
        self.blocks = False
        """Whether the function has returned without being awaited: its calls run one by one."""
        self._limit = max_outputs + 1
        self._pool: ThreadPoolExecutor | None = None
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    def __call__(self, item: Any) -> Any:
        """The function itself, so that it can be tried out on one item."""
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
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            return result
        return () if result is None else (result,)

    async def close(self) -> None:
        """Wait for no thread: a call that is under way ends by itself."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _process_in_thread(self, item: Any) -> Iterable[Any]:
        if self._pool is None:
            # A pool of its own: asyncio's has few threads, and is shared with the whole program.
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=self.__name__)
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        return await loop.run_in_executor(self._pool, context.run, self._outputs, item)

    def _outputs(self, item: Any) -> Iterable[Any]:
        """Everything that the function gives, made in a thread: also what it yields."""
        result = self.function(item)
        if inspect.isgenerator(result):
            return list(itertools.islice(result, self._limit))
        if inspect.isawaitable(result) or inspect.isasyncgen(result):
            if inspect.iscoroutine(result):
                result.close()  # Python would warn that nobody awaited it
            raise PipelineError(f"{self.__name__} is async, and runs without threads=True")
        return () if result is None else (result,)


def processor(function: Callable[[Any], Any]) -> FunctionProcessor:
    """Make a plain function a processor.

    A function that returns gives one output, None filters the item, and a generator gives as
    many as it yields. It may be `async`. One that waits by itself, for a file or an answer, holds
    everything up meanwhile: run it in threads by `Step(function, threads=True, concurrency=20)`.

    >>> @processor
    ... def large_fees(transaction):
    ...     return transaction if int(transaction["Fee"]["value"]) > 1000 else None
    """
    return FunctionProcessor(function)
