"""The explorer without `await`: in scripts, and in notebooks whose event loop already runs."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

from ekspiper.core import ConfigError, MissingExtra, Pipeline, Report, RunOptions

from .explorer import Explorer
from .views import LedgerView

__all__ = ["SyncExplorer"]

# nest-asyncio is no longer kept, and what it does to asyncio warns since Python 3.14.
_NESTING = "nest_asyncio" if sys.version_info < (3, 14) else "nest_asyncio2"

P = ParamSpec("P")
R = TypeVar("R")


def _synchronous(
    method: Callable[Concatenate[Explorer, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[SyncExplorer, P], R]:
    """A method of `SyncExplorer` that waits for that of `Explorer`."""

    @wraps(method)
    def call(self: SyncExplorer, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.wait_for(method(self.explorer, *args, **kwargs))

    return call


class SyncExplorer:
    """The methods of `Explorer` without `await`. Made by `Explorer.sync`.

    In a script it runs its own event loop until `close`, or until the program ends; calls
    from several threads take turns. In Jupyter, where an event loop is running, it enters that
    loop a second time with nest-asyncio.

    Args:
        explorer: whose methods are called.
    """

    # A loop in another thread (anyio's blocking portal) would need no nest-asyncio. It would stop
    # everything else on Jupyter's loop during a call: pipelines that run in the background, and the
    # answers to pings that keep their connections. And it would call a user's processors and
    # collectors from a thread that is not theirs.

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self._end_loop: weakref.finalize[Any, SyncExplorer] | None = None
        self._runner: asyncio.Runner | None = None
        # One loop, which cannot run in two threads at once.
        self._turn = threading.Lock()

    ledger = _synchronous(Explorer.ledger)
    transaction = _synchronous(Explorer.transaction)
    book = _synchronous(Explorer.book)
    ledgers = _synchronous(Explorer.ledgers)
    transactions = _synchronous(Explorer.transactions)
    payments = _synchronous(Explorer.payments)
    trades = _synchronous(Explorer.trades)
    balance_changes = _synchronous(Explorer.balance_changes)
    account = _synchronous(Explorer.account)
    books = _synchronous(Explorer.books)
    objects = _synchronous(Explorer.objects)
    trust = _synchronous(Explorer.trust)
    backfill = _synchronous(Explorer.backfill)

    def run(self, pipeline: Pipeline, **options: Unpack[RunOptions]) -> Report:
        """Run a pipeline to its end; see `Explorer.run`."""
        return self.wait_for(self.explorer.run(pipeline, **options))

    def follow(
        self, ledgers: int | None = None, *, pace: float | None = None
    ) -> Iterator[LedgerView]:
        """New ledgers as they close; see `Explorer.follow`."""
        views: AsyncGenerator[LedgerView] = aiter(self.explorer.follow(ledgers, pace=pace))
        try:
            # None for the end: `StopAsyncIteration` cannot leave a task.
            while (view := self.wait_for(_next(views))) is not None:
                yield view
        finally:
            # Also when the caller breaks out of its loop: the stream holds a subscription.
            self.wait_for(views.aclose())

    def close(self) -> None:
        """Disconnect; closing twice is fine."""
        self.wait_for(self.explorer.close())
        with self._turn:
            if self._end_loop is not None:
                self._end_loop()
                self._runner = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def wait_for(self, work: Coroutine[Any, Any, R]) -> R:
        """Run `work` to its end and return its result.

        An interrupt cancels it, and returns when it has cleaned up.

        Raises:
            MissingExtra: an event loop runs, and nest-asyncio is not installed.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._in_own_loop(work)
        try:
            # Before the task is made: without nest-asyncio nobody would await it.
            _allow_nesting(loop)
        except BaseException:
            work.close()
            raise
        return _in_running_loop(loop, work)

    def _in_own_loop(self, work: Coroutine[Any, Any, R]) -> R:
        with self._turn:
            if self._runner is None:
                self._runner = asyncio.Runner()
                # A script may forget to close the explorer, and Python would complain of a loop
                # that is open.
                self._end_loop = weakref.finalize(self, _end, self._runner)
            return self._runner.run(work)


def _end(runner: asyncio.Runner) -> None:
    """Close the loop of an explorer.

    If the explorer was never closed, it may be garbage that is collected while another event loop
    runs in this thread. A loop cannot be closed there, so a new thread does it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        runner.close()
        return
    closing = threading.Thread(target=runner.close)
    closing.start()
    closing.join()


async def _next(views: AsyncGenerator[LedgerView]) -> LedgerView | None:
    return await anext(views, None)


def _allow_nesting(loop: asyncio.AbstractEventLoop) -> None:
    try:
        nest_asyncio = import_module(_NESTING)
    except ImportError:
        raise MissingExtra(
            "a call without await inside a running event loop, as in Jupyter, needs nest-asyncio: "
            "pip install 'ekspiper-xrpl[notebook]'; or leave out .sync and write await"
        ) from None
    try:
        nest_asyncio.apply(loop)
    except ValueError as error:
        raise ConfigError(
            f"this event loop cannot be entered a second time ({error}): leave out .sync and "
            "write await"
        ) from None


def _in_running_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, R]) -> R:
    task = loop.create_task(work)
    with _interrupt_cancels(loop, task) as interrupted:
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            if interrupted:
                # What a user of a notebook expects to see after "interrupt"; a cancelled task means
                # nothing there.
                raise KeyboardInterrupt from None
            raise


@contextmanager
def _interrupt_cancels(
    loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]
) -> Iterator[list[bool]]:
    """Within it SIGINT cancels the task, so that it can close what it opened; a second one raises.

    As `asyncio.Runner` does for its own loop.
    """
    interrupted: list[bool] = []
    # Python lets only the main thread set handlers of signals.
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def on_interrupt(number: int, frame: Any) -> None:
        if interrupted:
            raise KeyboardInterrupt
        interrupted.append(True)
        task.cancel()
        # A handler alone does not wake a loop that waits for sockets.
        loop.call_soon_threadsafe(lambda: None)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
