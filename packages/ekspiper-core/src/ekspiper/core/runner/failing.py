"""What becomes of an item that failed for good."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..collector import Collector
from ..dead_letters import DeadLetter
from ..errors import BatchError, FlowFailed, PipelineError, Retryable, Throttled, is_retryable
from ..flow import OnError
from ..receipt import Receipt, Status
from ..retry import RetryPolicy, retrying

__all__ = ["Failures", "kind_of"]

log = logging.getLogger("ekspiper")


def kind_of(error: BaseException) -> str:
    """The kind of an error, as metrics name it: retryable, throttled or permanent."""
    if isinstance(error, Throttled):
        return "throttled"
    return "retryable" if is_retryable(error) else "permanent"


class Failures:
    """Decides by a step's `on_error`: stop the pipeline, write a dead letter, or skip.

    Args:
        dead_letters: the collector that takes them; None where the run has none.
    """

    def __init__(self, dead_letters: Collector[Any] | None) -> None:
        self._dead_letters = dead_letters
        self._writing = asyncio.Lock()
        self.dead_lettered = 0
        self.dropped = 0

    async def settle(
        self,
        item: Any,
        receipt: Receipt,
        error: Exception,
        *,
        on_error: OnError | None,
        source: str,
        flow: str,
        step: str,
        collector: str | None = None,
    ) -> Status:
        """Settle one part of `receipt`, whose `item` failed for good with `error`.

        Raises:
            FlowFailed: when the pipeline is to stop.
        """
        where = f"flow {flow!r}, step {step!r}" + (
            f", collector {collector!r}" if collector else ""
        )
        action = on_error or ("dead-letter" if self._dead_letters is not None else "stop")
        if action == "stop" or isinstance(error, PipelineError):
            raise FlowFailed(
                f"{where}, at position {receipt.position!r}: {describe(error)}",
                flow=flow,
                step=step,
                position=receipt.position,
            ) from error
        if action == "skip":
            log.warning("%s: dropped the item at %r: %s", where, receipt.position, describe(error))
            self.dropped += 1
            receipt.settle(Status.DROPPED)
            return Status.DROPPED
        letter = DeadLetter.of(
            item,
            error,
            source=source,
            position=receipt.position,
            flow=flow,
            step=step,
            collector=collector,
        )
        await self._write(letter)
        log.error("%s: dead letter at %r: %s", where, receipt.position, describe(error))
        self.dead_lettered += 1
        receipt.settle(Status.DEAD_LETTERED)
        return Status.DEAD_LETTERED

    async def _write(self, letter: DeadLetter) -> None:
        dead_letters = self._dead_letters
        assert dead_letters is not None, "refused when the run was made"

        async def write() -> None:
            try:
                await dead_letters.collect([letter.record()])
            except BatchError as error:
                raise next(iter(error.failures.values())) from error

        async with self._writing:
            try:
                await write()
            except Exception as error:
                try:
                    await retrying(
                        write, RetryPolicy(elapsed=None), after=error, on_retry=_log_retry
                    )
                except Exception as final:
                    raise FlowFailed(
                        f"the dead-letter collector failed: {describe(final)}; the letter was for "
                        f"flow {letter.flow!r}, position {letter.position!r}: {letter.message}",
                        flow=letter.flow,
                        step=letter.step,
                        position=letter.position,
                    ) from final


def describe(error: BaseException) -> str:
    """An exception in one line; the class is named unless the error is one of ours."""
    text = str(error) or type(error).__name__
    ours = type(error).__module__.startswith("ekspiper.")
    return text if ours or text == type(error).__name__ else f"{type(error).__name__}: {text}"


def _log_retry(error: Exception) -> None:
    if isinstance(error, Retryable):
        log.warning("dead letters: %s; trying again", error)
