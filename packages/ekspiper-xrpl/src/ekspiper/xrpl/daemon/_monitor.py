"""Looks at a running daemon once a second: its nodes, and whether the network moves."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from ekspiper.core import Instruments, Metric

from ._node_metrics import NodeMetrics
from ._readiness import Readiness
from ._service_manager import ServiceManager
from ._status import Status

__all__ = ["MONITOR_METRICS", "Monitor"]

log = logging.getLogger("ekspiper")

_EVERY = 1.0
# A disk takes minutes to fill.
_DISK_EVERY = 10.0

BUILD = Metric(
    "ekspiper_build_info",
    "gauge",
    ("version", "python"),
    "",
    "1, with the versions of ekspiper-xrpl and of Python as labels",
)
READY = Metric("ekspiper_ready", "gauge", (), "", "1 while /ready says ready, otherwise 0")
STATE_FREE = Metric(
    "ekspiper_state_free_bytes", "gauge", (), "bytes", "Free space on the disk of the state folder"
)
STATE_SIZE = Metric(
    "ekspiper_state_size_bytes", "gauge", (), "bytes", "Size of the disk of the state folder"
)

MONITOR_METRICS = (BUILD, READY, STATE_FREE, STATE_SIZE)


class Monitor:
    """Publishes what the run itself does not know of: nodes, readiness, disk, versions.

    Args:
        state: the folder of the state; None where there is none.
        status: describes the daemon; this keeps its history.
    """

    def __init__(
        self,
        readiness: Readiness,
        instruments: Instruments,
        *,
        state: Path | None,
        status: Status,
    ) -> None:
        self._readiness = readiness
        self._manager = ServiceManager()
        self._instruments = instruments
        self._nodes = NodeMetrics(instruments)
        self._state = state
        self._status = status
        labels = {"version": version("ekspiper-xrpl"), "python": platform.python_version()}
        instruments.instrument(BUILD, **labels).record(1)
        # Before anything is known: an alert must see 0, and not a series that is missing.
        instruments.instrument(READY).record(0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look for as long as the context lasts."""
        tasks = [asyncio.create_task(self._look())]
        if self._state is not None:
            tasks.append(asyncio.create_task(self._measure_disk(self._state)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            # A registry outlives the daemon in a program that runs several, one after another.
            self._instruments.instrument(READY).record(0)

    async def _look(self) -> None:
        ready = self._instruments.instrument(READY)
        # `READY=1` at once, and not when a node answers: systemd would end a service that takes
        # long to start, and waiting for the network is what this one is for.
        self._manager.started()
        said = ""
        # From the first moment, nodes or not: systemd would otherwise restart a daemon that waits.
        while True:
            pool = self._readiness.pool
            if pool is not None:
                self._nodes.publish(pool.nodes())
                self._readiness.note_ledger(pool.newest_ledger)
            now = asyncio.get_running_loop().time()
            self._status.history.note(now, self._status.transactions(), self._status.lag())
            ahead = self._readiness.ahead_of_network()
            # Once, when it begins: `/ready` says it all the time.
            if ahead and not said:
                log.warning("%s", ahead)
            said = ahead
            reasons = self._readiness.reasons()
            ready.record(not reasons)
            self._manager.alive(reasons[0] if reasons else "ready")
            if self._readiness.draining:
                self._manager.stopping()
            await asyncio.sleep(_EVERY)

    async def _measure_disk(self, folder: Path) -> None:
        free, size = map(self._instruments.instrument, (STATE_FREE, STATE_SIZE))
        while True:
            # In a thread: a network file system that is away blocks this call.
            disk = await asyncio.to_thread(os.statvfs, folder)
            free.record(disk.f_bavail * disk.f_frsize)
            size.record(disk.f_blocks * disk.f_frsize)
            await asyncio.sleep(_DISK_EVERY)
