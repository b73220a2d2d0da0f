"""Who does the work: processes of this machine, those of a cluster, or a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ekspiper.xrpl.cluster import Workers, local_workers, workers_of_scheduler

from ..._logs import tell

__all__ = ["chosen_workers", "refuse_both"]


def refuse_both(workers: int | None, scheduler: str | None) -> None:
    """Raise BadParameter where both are given."""
    if workers is not None and scheduler is not None:
        raise typer.BadParameter(
            "--workers starts processes of this machine, --scheduler uses those of a cluster: "
            "give one of them"
        )


@contextmanager
def chosen_workers(
    workers: int | None, scheduler: str | None, *, timeout: float | None
) -> Iterator[Workers]:
    """Processes of this machine, those of a cluster, or, without either, a thread."""
    if scheduler is not None:
        starting = workers_of_scheduler(scheduler, timeout=timeout)
    else:
        # Without Dask where nobody asked for several: an object store alone needs no cluster.
        starting = local_workers(workers) if workers is not None else Workers.in_process()
    with starting as found:
        if found.dashboard is not None:
            tell(f"{found.count} workers; Dask shows them at {found.dashboard}", style="dim")
        yield found
