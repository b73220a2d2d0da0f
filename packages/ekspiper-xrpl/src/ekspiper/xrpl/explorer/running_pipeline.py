"""A pipeline that runs in the background of a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from ekspiper.core import Pipeline, Report, Run, RunOptions, Statistics

from ._display import Live

__all__ = ["RunningPipeline"]

# Seconds between two looks at the counters.
_EVERY = 0.25


class RunningPipeline:
    """A run in the background: look at it, stop it, or `await` it for its report.

    Args:
        pipeline: starts at once, on the running event loop.
        options: see `RunOptions`.
    """

    def __init__(self, pipeline: Pipeline, options: RunOptions) -> None:
        self._run: Run = pipeline.start(**options)
        self._task = asyncio.create_task(self._run.finish(), name="explorer pipeline")
        # An error nobody awaits is shown by the display, and must not be a warning as well.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def is_done(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self._task.done()

    def statistics(self) -> Statistics:
        """The counters as they are now."""
        return self._run.statistics()

    async def watch(self, *, until: int | None = None) -> Statistics:
        """Show the counters, in place, until the run ends.

        Args:
            until: return once this many items were read; the run continues.

        Raises:
            EkspiperError: what ended the run.
        """
        live = Live()
        while not self._task.done():
            seen = self.statistics()
            live.update(self)
            if until is not None and _read(seen) >= until:
                return seen
            # Not `wait_for`, which would cancel the run when the time is up.
            await asyncio.wait((self._task,), timeout=_EVERY)
        # Raises what ended the run: who watches it wants to know.
        self._task.result()
        live.update(self, line=_line(self.statistics()))
        return self.statistics()

    async def stop(self) -> Report:
        """Read no more, keep what was read, and return the report."""
        self._run.drain()
        return await self

    async def abandon(self) -> None:
        """End it now. Items that were not kept are read again if it has a checkpoint."""
        self._task.cancel()
        # Waited for, so that its collectors are closed when this returns.
        await asyncio.gather(self._task, return_exceptions=True)

    def __await__(self) -> Generator[Any, None, Report]:
        return self._task.__await__()

    def _repr_html_(self) -> str:
        return self._run._repr_html_()

    def __repr__(self) -> str:
        state = "done" if self.is_done else "running"
        return f"<RunningPipeline {state}: {_line(self.statistics())}>"


def _read(statistics: Statistics) -> int:
    return sum(source.read for source in statistics.sources.values())


def _line(statistics: Statistics) -> str:
    kept = sum(each.items for each in statistics.collectors.values())
    return f"{_read(statistics):,} items read, {kept:,} kept in {statistics.seconds:.1f} s"
