"""One run: a whole recording, through three faulty nodes, into JSON lines."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekspiper.core import EkspiperError
from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.config import RECORDS
from ekspiper.xrpl.flows import ledger_pipeline
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.processors import FetchLedger
from ekspiper.xrpl.replay import ReplayProcess
from ekspiper.xrpl.snapshot import Snapshot
from ekspiper.xrpl.sources import LedgerStream

from .clock import JumpingClock, jumping_clock
from .truth import Truth, differences

__all__ = ["MODES", "Outcome", "Setting", "run_once"]

MODES = ("daemon", "backfill")

# As the defaults, only shorter: a node that hangs is found out in a second, not in half a minute.
_PATIENCE: dict[str, Any] = {"request_timeout": 1.5, "liveness": 2.5, "hedge_after": 0.4}
_CLOSE_EVERY = 0.04
_LONGEST_JUMP = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a run is.

    Attributes:
        mode: `daemon` follows ledgers as they close, with order books; `backfill` fetches them.
        plans: the faults of each node.
        seed: of the jumps of the clocks.
        folder: where it writes.
        timeout: seconds after which it counts as hanging.
    """

    mode: str
    recording: Path
    truth: Truth
    plans: Sequence[str]
    seed: int
    folder: Path
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        seconds: how long it took, by a clock that did not jump.
        faults: how often each kind of fault struck, over all nodes.
        wrong: everything that is not as it should be; nothing in a good run.
    """

    seconds: float
    faults: Counter[str]
    wrong: list[str]


async def run_once(setting: Setting) -> Outcome:
    """Read everything, look at the files, and read the state of the last ledger."""
    began = time.perf_counter()
    faults: Counter[str] = Counter()
    wrong: list[str] = []
    with jumping_clock() as clock:
        jumps = asyncio.create_task(_jump(clock, setting.seed))
        watch = asyncio.current_task()
        assert watch is not None
        # A time-out by the clock that jumps would be over with the first jump.
        alarm = asyncio.create_task(_cancel_after(setting.timeout, watch))
        try:
            async with _nodes(setting, faults) as urls:
                await _read(setting, urls)
        except asyncio.CancelledError:
            wrong.append(f"not done after {setting.timeout:.0f} s")
        except EkspiperError as error:
            wrong.append(f"{type(error).__name__}: {error}")
        finally:
            for task in (jumps, alarm):
                task.cancel()
    if not wrong:
        wrong += differences(setting.folder, setting.truth, books=setting.mode == "daemon")
    return Outcome(seconds=time.perf_counter() - began, faults=faults, wrong=wrong)


@asynccontextmanager
async def _nodes(setting: Setting, faults: Counter[str]) -> AsyncIterator[list[str]]:
    close_every = _CLOSE_EVERY if setting.mode == "daemon" else None
    nodes = [
        ReplayProcess(setting.recording, close_every=close_every, faults=plan)
        for plan in setting.plans
    ]
    async with AsyncExitStack() as stack:
        for node in nodes:
            await stack.enter_async_context(node)
        yield [node.url for node in nodes]
    for node in nodes:
        faults.update(node.faults_injected)


async def _read(setting: Setting, urls: list[str]) -> None:
    async with NodePool(urls, **_PATIENCE) as pool:
        if setting.mode == "daemon":
            await _follow(setting, pool)
        else:
            await _backfill(setting, pool)
        await _snapshot(setting, pool)


async def _follow(setting: Setting, pool: NodePool) -> None:
    """The daemon's flows, on nodes with shorter time-outs than a daemon is given."""
    first, last = setting.truth.indexes[0], setting.truth.indexes[-1]
    folder = OutputFolder(setting.folder, command="daemon")
    pipeline = ledger_pipeline(
        LedgerStream(pool, start=first, until=last),
        fetch_ledger=FetchLedger(pool),
        pool=pool,
        collectors={records: [folder.collector(records)] for records in RECORDS},
    )
    await pipeline.start(checkpoint=folder.checkpoint, dead_letters=folder.dead_letters()).finish()


async def _backfill(setting: Setting, pool: NodePool) -> None:
    first, last = setting.truth.indexes[0], setting.truth.indexes[-1]
    folder = OutputFolder(setting.folder, command="backfill")
    job = Backfill(pool, [f"{first}:{last}"], folder)
    await job.plan()
    run = job.start()
    await run.finish()
    for index, why in job.conclude(run).failed.items():
        raise EkspiperError(f"ledger {index} is missing: {why}")


async def _snapshot(setting: Setting, pool: NodePool) -> None:
    """The state of the last ledger, whose markers expire; concluding proves it."""
    folder = OutputFolder(setting.folder / "state", command="snapshot")
    job = Snapshot(pool, folder, ledger=setting.truth.indexes[-1], parallel=4)
    run = await job.start()
    await run.finish()
    report = await job.conclude(run)
    if report.account_hash != setting.truth.account_hash:
        raise EkspiperError("the state is not that of the last ledger")


async def _jump(clock: JumpingClock, seed: int) -> None:
    """Let both clocks jump now and then: ahead, and the wall clock back as well."""
    chance = random.Random(seed)
    while True:
        await _really(chance.uniform(1.0, 5.0))
        clock.jump(
            wall=chance.uniform(-_LONGEST_JUMP, _LONGEST_JUMP),
            monotonic=chance.uniform(30.0, _LONGEST_JUMP),
        )


async def _cancel_after(seconds: float, task: asyncio.Task[Any]) -> None:
    await _really(seconds)
    task.cancel()


async def _really(seconds: float) -> None:
    """Sleep by a clock that does not jump."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:  # noqa: ASYNC110  (its timers jump, too)
        await asyncio.sleep(min(left, 0.2))
