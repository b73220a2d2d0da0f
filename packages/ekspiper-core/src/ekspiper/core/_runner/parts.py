"""The components of a run: each is opened, with retries, and all that were opened are closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .._wording import awaiting, describe
from ..errors import EkspiperError, is_retryable
from ..flow import Flow, deliveries_of
from ..queue import Queue
from ..retry import RetryPolicy, retrying

__all__ = ["Part", "parts_of"]

log = logging.getLogger("ekspiper")

# Seconds that a component may take to close once something has gone wrong.
_CLOSE_BY_FORCE = 5.0


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a run.

    Args:
        name: what it is and where it stands, for errors.
        retry: how long opening it is tried again.
    """

    component: Any
    name: str
    retry: RetryPolicy

    async def open(self) -> None:
        """Open it, if it has an `open`; tried again if that can help."""
        opens = getattr(self.component, "open", None)
        if opens is None:
            return
        try:
            await retrying(awaiting(opens, self.name), self.retry, on_retry=self._log_retry)
        except EkspiperError as error:
            if is_retryable(error):
                raise EkspiperError(f"{self.name} did not open: {describe(error)}") from error
            raise
        except Exception as error:
            raise EkspiperError(f"{self.name} did not open: {describe(error)}") from error

    async def close(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it. If the run ends with an error already, one in closing is only logged."""
        closes = getattr(self.component, "close", None)
        if closes is None:
            return
        try:
            # In a clean end it may take its time: a sink may have much to flush.
            async with asyncio.timeout(_CLOSE_BY_FORCE if error is not None else None):
                await awaiting(closes, self.name)()
        except Exception as failed:
            if isinstance(failed, TimeoutError) and error is not None and not str(failed):
                failed = TimeoutError(f"not within {_CLOSE_BY_FORCE} s")
            message = f"{self.name} did not close: {describe(failed)}"
            if error is None:
                raise EkspiperError(message) from failed
            log.error("%s", message)

    def _log_retry(self, error: Exception) -> None:
        log.warning("%s cannot be opened: %s; trying again", self.name, describe(error))


def parts_of(flows: Iterable[Flow], *, with_sources: bool = True) -> list[Part]:
    """Everything to open, each once: collectors, then processors, then sources.

    A source that is open may lose items if the collectors behind it are not.
    """
    flows = tuple(flows)
    parts = [*_collectors(flows), *_processors(flows)]
    if with_sources:
        parts += _sources(flows)
    # One component may stand in several places, and is opened once. By identity: two that are
    # equal are still two.
    unique: dict[int, Part] = {}
    for part in parts:
        unique.setdefault(id(part.component), part)
    return list(unique.values())


def _collectors(flows: tuple[Flow, ...]) -> Iterator[Part]:
    for place, delivery in deliveries_of(flows):
        yield Part(delivery.collector, f"the collector {place}", delivery.retry)


def _processors(flows: tuple[Flow, ...]) -> Iterator[Part]:
    for flow in flows:
        for step in flow.steps:
            yield Part(step.processor, f"the processor {flow.name}/{step.name}", step.retry)


def _sources(flows: tuple[Flow, ...]) -> Iterator[Part]:
    for flow in flows:
        if not isinstance(flow.source, Queue):
            yield Part(flow.source, f"the source of {flow.name}", RetryPolicy())
