"""The runner against streamz, aiostream, bytewax and a bare asyncio loop, all in one run.

    hatch run bench:core

Two kinds of work: three flows in a chain on items that need nothing, in batches of one, and one
step of 10 ms of waiting at concurrency 100. Rounds are interleaved and the best of each counts,
so that what else the machine does falls on all alike. `--cpu` counts processor seconds instead of
elapsed ones in the chain: use it where the machine is shared.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import time
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ekspiper.core import (
    BatchPolicy,
    Collector,
    Flow,
    PassThrough,
    Pipeline,
    Processor,
    Queue,
    Step,
)

CONCURRENCY = 100
WAIT = 0.010

Clock = Callable[[], float]
Chain = Callable[[int, Clock], float]


class Count(Collector[Any]):
    """Counts what it is given, one by one."""

    batch_policy = BatchPolicy(count=1)

    def __init__(self) -> None:
        self.count = 0

    async def collect(self, batch: Sequence[Any]) -> None:
        """Count."""
        self.count += len(batch)


class Wait(Processor[Any, Any]):
    """Does what a fast request does: nothing, for 10 ms."""

    async def process(self, item: Any) -> tuple[Any]:
        """The item itself, later."""
        await asyncio.sleep(WAIT)
        return (item,)


def chain_ekspiper(count: int, clock: Clock) -> float:
    """Three flows, two queues, a receipt for every item."""
    first, second, sink = Queue("first"), Queue("second"), Count()
    pipeline = Pipeline(
        Flow("a", source=range(count), steps=(Step(PassThrough(), collectors=(first,)),)),
        Flow("b", source=first, steps=(Step(PassThrough(), collectors=(second,)),)),
        Flow("c", source=second, steps=(Step(PassThrough(), collectors=(sink,)),)),
    )
    began = clock()
    asyncio.run(pipeline.run())
    assert sink.count == count
    return count / (clock() - began)


def chain_bare(count: int, clock: Clock) -> float:
    """Three coroutines and two asyncio.Queues: no receipts, no batches, no errors, no end."""

    async def main() -> None:
        first: asyncio.Queue[Any] = asyncio.Queue(1000)
        second: asyncio.Queue[Any] = asyncio.Queue(1000)

        async def same(item: Any) -> Any:
            return item

        async def a() -> None:
            for item in range(count):
                await first.put(await same(item))

        async def b() -> None:
            for _ in range(count):
                await second.put(await same(await first.get()))

        async def c() -> None:
            for _ in range(count):
                await same(await second.get())

        await asyncio.gather(a(), b(), c())

    began = clock()
    asyncio.run(main())
    return count / (clock() - began)


def chain_streamz(count: int, clock: Clock) -> float:
    """Three maps with buffers between, asynchronous, with back-pressure."""
    from streamz import Stream

    async def main() -> float:
        source, done, seen = Stream(asynchronous=True), asyncio.Event(), [0]

        def sink(_: Any) -> None:
            seen[0] += 1
            if seen[0] == count:
                done.set()

        first = source.map(_same).buffer(1000)
        first.map(_same).buffer(1000).map(_same).sink(sink)
        began = clock()
        for item in range(count):
            await source.emit(item)
        await done.wait()
        return count / (clock() - began)

    return asyncio.run(main())


def chain_aiostream(count: int, clock: Clock) -> float:
    """Three maps of a coroutine, one item at a time; it has no queues between."""
    from aiostream import pipe, stream

    async def same(item: Any, *_: Any) -> Any:
        return item

    async def main() -> None:
        step = pipe.map(same, task_limit=1)
        done = 0
        async with (stream.range(count) | step | step | step).stream() as items:
            async for _ in items:
                done += 1
        assert done == count

    began = clock()
    asyncio.run(main())
    return count / (clock() - began)


def chain_bytewax(count: int, clock: Clock) -> float:
    """Three maps in one worker, batch size 1, recovery off: it is compiled and has no asyncio."""
    from bytewax import operators
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource, run_main

    out: list[Any] = []
    flow = Dataflow("chain")
    items = operators.input("in", flow, TestingSource(range(count), batch_size=1))
    for name in ("a", "b", "c"):
        items = operators.map(name, items, _same)
    operators.output("out", items, TestingSink(out))
    began = clock()
    run_main(flow)
    assert len(out) == count
    return count / (clock() - began)


def _same(item: Any) -> Any:
    return item


async def io_ekspiper_ordered(count: int) -> None:
    """One step, in order, with receipts."""
    await _io_pipeline(count, ordered=True).run()


async def io_ekspiper_unordered(count: int) -> None:
    """One step, as items come, with receipts."""
    await _io_pipeline(count, ordered=False).run()


def _io_pipeline(count: int, *, ordered: bool) -> Pipeline:
    step = Step(Wait(), collectors=(Count(),), concurrency=CONCURRENCY, ordered=ordered)
    return Pipeline(Flow("a", source=range(count), steps=(step,)))


async def io_bare(count: int) -> None:
    """100 coroutines that share an iterator: the least there is."""
    items = iter(range(count))

    async def work() -> None:
        for _ in items:
            await asyncio.sleep(WAIT)

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def io_streamz(count: int) -> None:
    """map_async at parallelism 100."""
    from streamz import Stream

    async def wait(item: Any) -> Any:
        await asyncio.sleep(WAIT)
        return item

    source, done = Stream(asynchronous=True), asyncio.Event()
    seen = [0]

    def sink(_: Any) -> None:
        seen[0] += 1
        if seen[0] == count:
            done.set()

    source.map_async(wait, parallelism=CONCURRENCY).sink(sink)
    for item in range(count):
        await source.emit(item)
    await done.wait()


async def io_aiostream(count: int) -> None:
    """map with a task limit of 100, ordered."""
    from aiostream import pipe, stream

    async def wait(item: Any, *_: Any) -> Any:
        await asyncio.sleep(WAIT)
        return item

    step = pipe.map(wait, task_limit=CONCURRENCY)
    async with (stream.range(count) | step).stream() as items:
        async for _ in items:
            pass


CHAINS: dict[str, Chain] = {
    "ekspiper": chain_ekspiper,
    "streamz": chain_streamz,
    "aiostream": chain_aiostream,
    "bytewax": chain_bytewax,
    "bare asyncio": chain_bare,
}
IO: dict[str, Callable[[int], Coroutine[Any, Any, None]]] = {
    "ekspiper, ordered": io_ekspiper_ordered,
    "ekspiper, unordered": io_ekspiper_unordered,
    "streamz": io_streamz,
    "aiostream": io_aiostream,
    "bare asyncio": io_bare,
}


def measure_chains(rounds: int, count: int, clock: Clock) -> None:
    """Print the rate of each, and its ratio to ours."""
    best = dict.fromkeys(CHAINS, 0.0)
    for _ in range(rounds):
        for name, chain in CHAINS.items():
            best[name] = max(best[name], chain(count, clock))
    print(f"\nthree flows in a chain, batches of one, {count:,} items that need nothing")
    ours = best["ekspiper"]
    for name, rate in best.items():
        ratio = "" if name == "ekspiper" else f"   ekspiper is {ours / rate:.2f} times that"
        print(f"  {name:22} {rate:10,.0f} items/s{ratio}")


def measure_io(rounds: int, count: int) -> None:
    """Print what each reaches of the ideal rate: concurrency divided by the wait."""
    ideal = CONCURRENCY / WAIT
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop] | None] = {"": None}
    try:
        import uvloop
    except ImportError:
        pass
    else:
        loops[", on uvloop"] = uvloop.new_event_loop
    best: dict[str, float] = {}
    for _ in range(rounds):
        for suffix, factory in loops.items():
            for name, io in IO.items():
                if suffix and not name.startswith(("ekspiper", "bare")):
                    continue
                with asyncio.Runner(loop_factory=factory) as runner:
                    began = time.perf_counter()
                    runner.run(io(count))
                    rate = count / (time.perf_counter() - began)
                best[name + suffix] = max(best.get(name + suffix, 0.0), rate)
    print(f"\n10 ms of waiting at concurrency 100, {count:,} items; ideal {ideal:,.0f} items/s")
    for name, rate in best.items():
        print(f"  {name:32} {rate / ideal:6.1%} of the ideal rate")
    print("  bytewax has no asyncio: it waits for one item after another")


def main() -> None:
    """Measure both kinds of work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--io-count", type=int, default=20_000)
    parser.add_argument("--cpu", action="store_true", help="processor seconds, in the chain")
    options = parser.parse_args()
    peers = ", ".join(f"{name} {version(name)}" for name in ("streamz", "aiostream", "bytewax"))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {_processor()}; {peers}")
    load = os.getloadavg()[0]
    print(f"load {load:.1f}; chain in {'processor' if options.cpu else 'elapsed'} seconds")
    measure_chains(
        options.rounds, options.count, time.process_time if options.cpu else time.perf_counter
    )
    measure_io(options.rounds, options.io_count)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
