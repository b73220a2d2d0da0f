"""An event loop whose clock does not wait: sleeping an hour takes no time, and is an hour."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

__all__ = ["Deadlock", "VirtualClockLoop", "run_until_idle", "run_virtual"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Deadlock(RuntimeError):
    """Every task waits, and nothing is left that could wake one of them."""


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """When every task waits, its clock jumps to the next timer instead of waiting for it.

    Work in threads (`asyncio.to_thread`) takes no time by this clock. If sockets are open and no
    timer is set, it waits for them in real time, and its clock stands still.

    Raises:
        Deadlock: when nothing at all is left to wait for.
    """

    def __init__(self) -> None:
        self._now = 1000.0  # not 0, which code that tests for a set time could take for unset
        self._in_threads = 0
        self._idle: list[asyncio.Future[None]] = []
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Seconds of the virtual clock."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As any loop does it; the clock stands still meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._leave_thread)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """As any loop does it; the clock stands still meanwhile. Python 3.12 added the timeout."""
        self._in_threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._in_threads -= 1

    def _leave_thread(self, _: Any) -> None:
        self._in_threads -= 1

    async def until_idle(self) -> None:
        """Wait until every other task waits for a timer, for I/O, or for this one."""
        future: asyncio.Future[None] = self.create_future()
        self._idle.append(future)
        await future

    def jump(self, timeout: float | None, *, has_sockets: bool) -> float | None:
        """What to do when no task can run for `timeout` seconds: seconds to wait in real time."""
        if timeout is not None and timeout <= 0:
            return 0
        if self._in_threads:  # its end wakes the loop, and takes no virtual time
            return None
        if self._idle:
            waiting, self._idle = self._idle, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
            return 0
        if timeout is not None:
            self._now += timeout
            return 0
        if has_sockets:
            return None
        # An error at once, where a real loop would hang until the test's time-out.
        raise Deadlock("every task waits, and nothing is left that could wake one of them")


class _JumpingSelector(selectors.BaseSelector):
    """Asks its loop what to do instead of waiting."""

    def __init__(self, loop: VirtualClockLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        own = 1  # the pipe by which a thread or a signal wakes the loop
        wait = self._loop.jump(timeout, has_sockets=len(self._real.get_map()) > own)
        return self._real.select(wait)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop with a virtual clock, as `asyncio.run` does on a real one."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)


async def run_until_idle() -> None:
    """Let every other task run until all of them wait. Needs a `VirtualClockLoop`.

    No time passes: a task that sleeps stays asleep.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualClockLoop):
        raise RuntimeError(
            "run_until_idle needs a virtual clock; start the test with run_virtual()"
        )
    await loop.until_idle()
