"""The virtual clock: time passes without being waited for, and a deadlock is found."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from ekspiper.core.testing import Deadlock, run_until_idle, run_virtual


def test_sleeping_takes_no_time_and_timeouts_hold() -> None:
    async def main() -> list[str]:
        order: list[str] = []

        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append(f"{seconds:g}")

        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(sleeper(each) for each in (3600.0, 60.0, 86400.0)))
        assert asyncio.get_running_loop().time() - began == 86400.0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return order

    began = time.monotonic()
    assert run_virtual(main()) == ["60", "3600", "86400"]
    assert time.monotonic() - began < 10


def test_a_deadlock_is_found() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="every task waits"):
        run_virtual(main())


def test_idle_is_when_all_others_wait_and_no_time_has_passed() -> None:
    async def main() -> None:
        steps = 0

        async def work() -> None:
            nonlocal steps
            for _ in range(10):
                steps += 1
                await asyncio.sleep(0)
            await asyncio.sleep(1)
            steps += 1

        began = asyncio.get_running_loop().time()
        task = asyncio.create_task(work())
        await run_until_idle()
        assert (steps, asyncio.get_running_loop().time()) == (10, began)
        await task
        assert steps == 11

    run_virtual(main())


def test_threads_are_waited_for_in_real_time() -> None:
    async def main() -> tuple[float, str]:
        began = asyncio.get_running_loop().time()
        timer = asyncio.create_task(asyncio.sleep(60))
        result = await asyncio.to_thread(lambda: time.sleep(0.05) or "done")
        passed = asyncio.get_running_loop().time() - began
        timer.cancel()
        return passed, result

    assert run_virtual(main()) == (0.0, "done")


def test_sockets_work() -> None:
    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        _, other = await asyncio.open_connection(sock=theirs)
        other.write(b"hello\n")
        line = await reader.readline()
        for each in (writer, other):
            each.close()
            await each.wait_closed()
        return line

    assert run_virtual(main()) == b"hello\n"


async def test_run_until_idle_says_what_it_needs() -> None:
    with pytest.raises(RuntimeError, match="run_virtual"):
        await run_until_idle()
