"""Workers: processes of this machine, or those of a cluster that is running already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ekspiper.core import ConfigError, MissingExtra

__all__ = ["Workers", "local_workers", "workers_of", "workers_of_scheduler"]


@dataclass(frozen=True, slots=True)
class Workers:
    """Who fetches chunks.

    Attributes:
        executor: runs a function on one of them.
        count: how many chunks they take at a time.
        dashboard: the URL of a page that shows them at work; None where there is none.
    """

    executor: Executor
    count: int
    dashboard: str | None = None

    @classmethod
    @contextmanager
    def in_process(cls) -> Iterator[Workers]:
        """One worker: a thread of this process, without Dask."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="ekspiper-chunk")
        try:
            yield cls(executor, 1)
        finally:
            # Not waited for: when it is stopped, a chunk under way is given up.
            executor.shutdown(wait=False, cancel_futures=True)


def workers_of(client: Any) -> Workers:
    """The workers of a `dask.distributed.Client`: one for each thread that they have now.

    Raises:
        ConfigError: it has no workers.
    """
    threads = client.nthreads()
    count = sum(threads.values())
    if not count:
        raise ConfigError(f"no worker is connected to the scheduler {client.scheduler.address}")
    # Not pure: a chunk that failed is not to be answered from what Dask remembers.
    return Workers(client.get_executor(pure=False), count, client.dashboard_link)


@contextmanager
def local_workers(count: int) -> Iterator[Workers]:
    """So many processes of this machine, by Dask; they end with the context.

    Raises:
        MissingExtra: Dask is not installed.
    """
    distributed = _distributed()
    import dask

    with (
        dask.config.set(_NO_PROFILER),
        distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            # Any free port: a second run on this machine must not fail for the first one's.
            dashboard_address=":0",
            silence_logs=_SILENT,
            preload=[_LEAVE_SIGNALS_TO_US],
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        # What each may ask of the nodes depends on how many there are.
        client.wait_for_workers(count)
        yield workers_of(client)


@contextmanager
def workers_of_scheduler(address: str, *, timeout: float | None = None) -> Iterator[Workers]:
    """The workers of a Dask scheduler, which stay when the context ends.

    Args:
        address: for example `tcp://10.0.0.5:8786`.
        timeout: seconds within which it must answer; None: Dask's own.

    Raises:
        ConfigError: it does not answer, or has no workers.
        MissingExtra: Dask is not installed.
    """
    distributed = _distributed()
    options = {} if timeout is None else {"timeout": timeout}
    try:
        client = distributed.Client(address, **options)
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        yield workers_of(client)


# `logging.ERROR`: what a worker has to say of a chunk comes back with the chunk.
_SILENT = 40

# Dask looks at the stack of each thread a hundred times a second: a tenth of a chunk's time.
_NO_PROFILER = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.worker.memory.monitor-interval": "500ms",
}

# For workers: a terminal sends these to them as well, and they must finish what is under way.
_LEAVE_SIGNALS_TO_US = """
import signal
for name in ("SIGINT", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
"""


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingExtra("workers need Dask: pip install 'ekspiper-xrpl[dask]'") from error
    return distributed
