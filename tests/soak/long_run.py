"""The soak of hours: a real daemon over a long chain at speed, with sinks and nodes that fail.

`python -m tests.soak --ledgers 100000`. The daemon, three nodes and a forward server are processes
of their own, on real sockets. Memory, open files, threads and series of the daemon are sampled all
the time and must not grow; at the end nothing may be missing or doubled.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.long_chain import recorded_ledgers

from .faults import plans
from .forward_sink import MOODS
from .growth import Allowance, growth, tenths
from .kept import check_files, check_sink
from .processes import Child, DaemonProcess, NodeProcess
from .tally import Tally

__all__ = ["LongSetting", "run_long"]

ALLOWED = {
    "memory MB": Allowance(absolute=6.0, share=0.05),
    "files": Allowance(absolute=3),
    "threads": Allowance(absolute=1),
    "series": Allowance(share=0.01),
    "state kB": Allowance(absolute=16.0),
}
"""What is measured, and how much of a difference still counts as standing still."""

_NODES = 3
_SAMPLE_EVERY = 1.0
_CALM = (8.0, 25.0)
_TROUBLE = (1.0, 5.0)
_SETTLE = 900.0
_AHEAD = 300
"""So many ledgers the network is ahead at most: on a slow machine the daemon must follow, and not
catch up all the time."""
_CONFIG = """
[collectors.files]
type = "jsonl"
path = "{folder}/kept/{{records}}.jsonl"
compression = "zstd"
rotate_bytes = 200_000_000

[collectors.fluent]
type = "fluent"
tag = "{{records}}"
port = {port}
ack_timeout = 3
connect_timeout = 2

[collectors.metrics]
type = "metric"

[http]
port = 0

[node]
request_timeout = 2
liveness = 4
hedge_after = 0.4
ledger_timeout = 3600
"""


@dataclass(frozen=True, kw_only=True)
class LongSetting:
    """What a long run is.

    Attributes:
        recording: the folder whose ledgers the chain repeats.
        ledgers: how many the chain has.
        most: ledgers with more transactions are left out of it.
        close_every: seconds from ledger to ledger.
        often: how much likelier than usual faults of single answers are.
        seed: of all that happens at random.
        folder: where everything is written.
    """

    recording: Path
    ledgers: int
    most: int
    close_every: float
    often: float
    seed: int
    folder: Path

    @cached_property
    def first(self) -> int:
        """The index of the first ledger."""
        return recorded_ledgers(self.recording)[-1].ledger_index + 1

    @property
    def closed(self) -> Path:
        """The file with the index of the newest ledger."""
        return self.folder / "closed"

    @property
    def last(self) -> int:
        """The index of the last ledger."""
        return self.first + self.ledgers - 1


@dataclass(slots=True)
class _Samples:
    began: float = field(default_factory=time.monotonic)
    rows: list[dict[str, float]] = field(default_factory=list)
    trouble: Counter[str] = field(default_factory=Counter)

    def position(self, first: int) -> float:
        """Up to which ledger everything is kept."""
        return max(first, self.rows[-1]["ledger"]) if self.rows else first

    def points(self, name: str) -> list[tuple[float, float]]:
        return [(row["ledger"], row[name]) for row in self.rows]


async def run_long(setting: LongSetting) -> list[str]:
    """Do it; everything that is not as it should be, nothing in a good run."""
    print(
        f"{setting.ledgers:,} ledgers, one every {setting.close_every * 1000:.0f} ms, "
        f"{_NODES} nodes, seed {setting.seed}; {setting.folder}",
        flush=True,
    )
    samples = _Samples()
    async with AsyncExitStack() as stack:
        nodes = await _start_nodes(setting, stack)
        sink = Child(
            *("-m", "tests.soak.forward_sink", setting.recording, setting.ledgers, setting.most),
            log=setting.folder / "sink.log",
        )
        stack.push_async_callback(sink.end)
        port = (await sink.start())["port"]
        daemon = await stack.enter_async_context(_daemon(setting, nodes, port))
        trouble = asyncio.create_task(_make_trouble(nodes, sink, samples.trouble, setting.seed))
        network = asyncio.create_task(_close_ledgers(setting, samples))
        try:
            await _watch(daemon, samples, last=setting.last, folder=setting.folder)
        finally:
            for task in (trouble, network):
                task.cancel()
            await asyncio.gather(trouble, network, return_exceptions=True)
        code = await _stop(daemon)
        at_the_sink = await sink.finish()
        for node in nodes:
            samples.trouble.update((await node.finish()).get("faults", {}))
    wrong = [] if code == 0 else [f"the daemon ended with {code}"]
    wrong += _report(samples)
    letters = setting.folder / "state" / "dead_letters.jsonl"
    if letters.exists() and letters.stat().st_size:
        wrong.append(f"there are dead letters in {letters}")
    wrong += check_sink(at_the_sink)
    return [
        *wrong,
        *check_files(
            setting.folder / "kept", Tally(setting.recording, setting.ledgers, setting.most)
        ),
    ]


async def _start_nodes(setting: LongSetting, stack: AsyncExitStack) -> list[NodeProcess]:
    _close(setting, setting.first)
    indexes = range(setting.first, setting.first + setting.ledgers)
    per_node = plans(
        indexes,
        requests=30 * setting.ledgers,
        seed=setting.seed,
        nodes=_NODES,
        often=setting.often * setting.ledgers / 1000,
    )
    nodes = [
        NodeProcess(
            setting.recording,
            log=setting.folder / f"node-{number}.log",
            count=setting.ledgers,
            most=setting.most,
            closed=str(setting.closed),
            faults=plan,
        )
        for number, plan in enumerate(per_node)
    ]
    for node in nodes:
        stack.push_async_callback(node.end)
    await asyncio.gather(*(node.start() for node in nodes))
    return nodes


@asynccontextmanager
async def _daemon(
    setting: LongSetting, nodes: list[NodeProcess], port: int
) -> AsyncIterator[DaemonProcess]:
    config = setting.folder / "ekspiper.toml"
    config.write_text(_CONFIG.format(folder=setting.folder, port=port))
    with (setting.folder / "daemon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ekspiper.xrpl", "daemon"),
            *("--network", ",".join(node.url for node in nodes), "--trust", "hashed"),
            *(
                "--config",
                str(config),
                "--state",
                str(setting.folder / "state"),
                "--from",
                str(setting.first),
            ),
            stdout=log,
            stderr=log,
        )
    try:
        daemon = DaemonProcess(process, setting.folder)
        await daemon.listening()
        yield daemon
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _close(setting: LongSetting, index: int) -> None:
    aside = setting.closed.with_suffix(".new")
    aside.write_text(str(index))
    aside.replace(setting.closed)


async def _close_ledgers(setting: LongSetting, samples: _Samples) -> None:
    """Let a ledger close every few milliseconds, as long as the daemon follows."""
    index, due = setting.first, time.monotonic()
    while index < setting.last:
        due = max(due + setting.close_every, time.monotonic() - 1.0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if index < samples.position(setting.first) + _AHEAD:
            index += 1
            _close(setting, index)


async def _make_trouble(
    nodes: list[NodeProcess], sink: Child, counted: Counter[str], seed: int
) -> None:
    """Let one node or the sink fail for some seconds, again and again."""
    chance = random.Random(seed)
    while True:
        await asyncio.sleep(chance.uniform(*_CALM))
        seconds = chance.uniform(*_TROUBLE)
        what = chance.choice(("node hung", "node killed", *(f"sink {mood}" for mood in MOODS)))
        counted[what] += 1
        node = chance.choice(nodes)
        if what == "node hung":
            node.send(signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                node.send(signal.SIGCONT)
        elif what == "node killed":
            await node.end()
            await asyncio.sleep(seconds)
            await node.start()
        else:
            sink.tell(f"{what.removeprefix('sink ')} {seconds:.2f}")


async def _watch(daemon: DaemonProcess, samples: _Samples, *, last: int, folder: Path) -> None:
    """Sample until everything is kept. Raises RuntimeError when it ends or stands still before."""
    moved, at = time.monotonic(), 0.0
    timeout = aiohttp.ClientTimeout(total=60)
    with (folder / "samples.jsonl").open("w") as file:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while at < last:
                await asyncio.sleep(_SAMPLE_EVERY)
                row = await daemon.sample(session)
                row["seconds"] = time.monotonic() - samples.began
                samples.rows.append(row)
                file.write(json.dumps(row) + "\n")
                file.flush()
                if row["ledger"] > at:
                    moved, at = time.monotonic(), row["ledger"]
                if time.monotonic() - moved > _SETTLE:
                    raise RuntimeError(f"stands at ledger {at:.0f}:\n{daemon.said()[-3000:]}")


async def _stop(daemon: DaemonProcess) -> int:
    daemon.process.terminate()
    async with asyncio.timeout(120):
        return await daemon.process.wait()


def _report(samples: _Samples) -> list[str]:
    """Print the table of what was measured; what grows."""
    rows = [row for row in samples.rows if row["ledger"]]
    samples.rows = rows
    wrong = []
    seconds = rows[-1]["seconds"] - rows[0]["seconds"]
    print(f"{seconds:,.0f} s, {(rows[-1]['ledger'] - rows[0]['ledger']) / seconds:.0f} ledgers/s")
    print("trouble: " + ", ".join(f"{what} {n:,}" for what, n in sorted(samples.trouble.items())))
    print(f"{'by tenth':10}" + "".join(f"{number * 10:7}%" for number in range(1, 11)))
    for name, allowance in ALLOWED.items():
        points = samples.points(name)
        found = growth(points, allowance)
        print(f"{name:10}" + "".join(f"{value:8.0f}" for value in tenths(points)), end="")
        print(f"   {found.early:.1f} -> {found.late:.1f}, trend {found.trend:+.1f}")
        if found.is_growth:
            wrong.append(f"{name} grows: {found.early:.1f} -> {found.late:.1f}")
    print(f"highest memory {max(row['memory MB'] for row in rows):.0f} MB, median of all ", end="")
    print(f"{median(row['memory MB'] for row in rows):.0f} MB", flush=True)
    return wrong
