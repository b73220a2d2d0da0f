"""Peak memory over a million items, with a sink that fails, hangs and is slow on schedule.

    hatch run dev:memory

Runs the same pipeline in a child process on more and more items; memory is flat when ten
times the items need no more of it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from ekspiper.core import BatchPolicy, Collector, Flow, PassThrough, Pipeline, Queue, Step
from ekspiper.core.testing import Fail, FaultyCollector, Half, MemoryCheckpoint, Slow

ALLOWED_GROWTH = 4 * 1024 * 1024
REFUSED_EVERY = 10_000


class Sum(Collector[Any]):
    """Keeps nothing but a count."""

    batch_policy = BatchPolicy(count=100, period=0.01)

    def __init__(self) -> None:
        self.count = 0

    async def collect(self, batch: Sequence[Any]) -> None:
        """Count."""
        self.count += len(batch)


def faults() -> Any:
    """Every hundredth call goes wrong in one way or another."""
    for number in itertools.count(1):
        kinds = (Fail(), Half(), Slow(0.01))
        yield kinds[number // 100 % 3] if number % 100 == 0 else None


def records(count: int) -> Any:
    """Small dicts, made when they are read."""
    return ({"n": number, "text": "x" * 100} for number in range(count))


class LastCheckpoint(MemoryCheckpoint):
    """Remembers only the newest."""

    async def save(self, progress: Any) -> None:
        """Forget what was before."""
        await super().save(progress)
        del self.saved[:-1]


def child(count: int) -> None:
    """Run, and print the peak in bytes."""
    first, second = Queue("first"), Queue("second")
    sink, letters = Sum(), Sum()
    faulty = FaultyCollector(sink, faults(), refuses=lambda each: each["n"] % REFUSED_EVERY == 1)
    fast = {"concurrency": 8}
    pipeline = Pipeline(
        Flow("a", source=records(count), steps=(Step(PassThrough(), collectors=(first,)),)),
        Flow("b", source=first, steps=(Step(PassThrough(), collectors=(second,), **fast),)),
        Flow("c", source=second, steps=(Step(PassThrough(), collectors=(faulty,)),)),
    )
    report = asyncio.run(pipeline.run(checkpoint=LastCheckpoint(), dead_letters=letters))
    refused = len(range(1, count, REFUSED_EVERY))
    assert report.read == count, report
    assert sink.count == count - refused, "every item once, but for the refused"
    assert letters.count == report.dead_lettered == refused, "dead letters: exactly the refused"
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main() -> int:
    """Compare the peaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return 0
    peaks = {}
    for count in (options.count // 100, options.count // 10, options.count):
        command = [sys.executable, "-Wignore", __file__, "--child", str(count)]
        output = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ).stdout
        peaks[count] = int(output)
        print(f"{count:10,} items  peak {peaks[count] / 2**20:6.1f} MiB", flush=True)
    growth = peaks[options.count] - peaks[options.count // 10]
    flat = growth <= ALLOWED_GROWTH
    print(f"growth {growth / 2**20:.1f} MiB: {'flat' if flat else 'NOT FLAT'}")
    return 0 if flat else 1


if __name__ == "__main__":
    raise SystemExit(main())
