"""What becomes of an item that failed for good, and of the errors that end a run."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from .._wording import describe, kind_of
from ..collector import Collector, Recoverable
from ..dead_letter import DeadLetter
from ..errors import BatchError, EkspiperError, FlowFailed, PipelineError
from ..failure_log import FailureLog
from ..flow import OnError, Step
from ..instruments import Instrument
from ..retry import RetryPolicy, retrying
from .receipt import Receipt, Status

__all__ = ["FailureHandler", "Failures", "first_error", "without_our_frames"]

log = logging.getLogger("ekspiper")

# Dead letters of one place that are logged one by one; after that, the 100th, the 1,000th, ...
_TOLD = 20


class FailureHandler:
    """Does what a step's `on_error` says: stops the pipeline, writes a dead letter, or skips.

    Args:
        dead_letters: the collector that takes them; None if the run has none.
    """

    def __init__(self, dead_letters: Collector[Any] | None) -> None:
        self.dead_letters = dead_letters
        self._writing = asyncio.Lock()
        self._unsafe = False
        self._letters: Counter[str] = Counter()
        self._failure_log = FailureLog("the dead-letter collector")

    @property
    def failing(self) -> str | None:
        """What the dead-letter collector failed with last, while it is tried again."""
        return self._failure_log.reason

    async def settle(
        self,
        item: Any,
        receipt: Receipt,
        error: Exception,
        *,
        on_error: OnError | None,
        flow: str,
        step: str,
        collector: str | None = None,
    ) -> Status:
        """Settle one part of `receipt`, whose `item` failed for good with `error`.

        Raises:
            FlowFailed: when the pipeline is to stop.
        """
        about = {"flow": flow, "step": step, "collector": collector, "position": receipt.position}
        where = f"flow {flow!r}, step {step!r}"
        if collector:
            where += f", collector {collector!r}"
        # A PipelineError means that a component breaks its contract: no item is at fault, and as
        # dead letters all items would pass by.
        action = on_error or ("dead-letter" if self.dead_letters is not None else "stop")
        if action == "stop" or isinstance(error, PipelineError):
            raise FlowFailed(
                f"{where}, at position {receipt.position!r}: {describe(error)}",
                flow=flow,
                step=step,
                position=receipt.position,
            ) from error
        if action == "skip":
            log.warning(
                "%s: dropped the item at %r: %s",
                where,
                receipt.position,
                describe(error),
                extra=about,
            )
            receipt.settle(Status.DROPPED)
            return Status.DROPPED
        letter = DeadLetter.of(
            item,
            error,
            source=receipt.source,
            position=receipt.position,
            flow=flow,
            step=step,
            collector=collector,
        )
        # The letter first: once the item counts as kept, the checkpoint may pass it.
        await self._write(letter)
        self._tell(where, receipt, error, about)
        receipt.settle(Status.DEAD_LETTERED)
        return Status.DEAD_LETTERED

    def _tell(self, where: str, receipt: Receipt, error: Exception, about: dict[str, Any]) -> None:
        self._letters[where] += 1
        count = self._letters[where]
        if count <= _TOLD:
            what = "%s: dead letter at %r: %s"
            log.error(what, where, receipt.position, describe(error), extra=about)
        if count == _TOLD:
            what = "%s: %d dead letters; more of them are counted, not listed"
            log.error(what, where, count, extra=about)
        elif count > _TOLD and str(count).strip("0") == "1":
            what = "%s: %d dead letters so far, the last at %r: %s"
            log.error(what, where, count, receipt.position, describe(error), extra=about)

    async def restore(self) -> None:
        """Let a recoverable collector keep the letters it has: none is ever taken back."""
        letters: object = self.dead_letters
        if isinstance(letters, Recoverable):
            await letters.restore(None)

    async def make_safe(self) -> None:
        """Make the letters written so far as durable as the checkpoint that counts them as kept."""
        letters: object = self.dead_letters
        if self._unsafe and isinstance(letters, Recoverable):
            self._unsafe = False
            snapshot = letters.snapshot
            async with self._writing:
                await self._insist(lambda: snapshot(None), "cannot make the dead letters safe")

    async def _write(self, letter: DeadLetter) -> None:
        dead_letters = self.dead_letters
        assert dead_letters is not None, "refused when the run was made"

        async def write() -> None:
            try:
                await dead_letters.collect([letter.record()])
            except BatchError as error:  # of a batch of one: the error of its only member
                raise next(iter(error.failures.values()), error) from error

        async with self._writing:  # steps fail at the same time; a collector gets one at a time
            self._unsafe = True
            await self._insist(
                write,
                f"the dead-letter collector failed on the letter for flow {letter.flow!r}, "
                f"position {letter.position!r} ({letter.message})",
                letter,
            )

    async def _insist(
        self, call: Callable[[], Awaitable[Any]], what: str, letter: DeadLetter | None = None
    ) -> None:
        """Await `call`, tried again without end: a dead-letter collector that is down stops all."""
        try:
            with self._failure_log:
                await retrying(call, RetryPolicy(elapsed=None), on_retry=self._retry)
        except Exception as final:
            raise FlowFailed(
                f"{what}: {describe(final)}",
                flow=letter.flow if letter else "",
                step=letter.step if letter else "",
                position=letter.position if letter else None,
            ) from final

    def _retry(self, error: Exception) -> None:
        self._failure_log.met(describe(error))


class Failures:
    """What failed in one step, or in one of its collectors: counted, and settled if for good.

    Args:
        log: says what is failing while it is tried again.
        errors: the error counters, by kind.
        collector: the name of the collector, where it is one that fails.
    """

    def __init__(
        self,
        handler: FailureHandler,
        log: FailureLog,
        errors: Mapping[str, Instrument],
        *,
        flow: str,
        step: Step,
        collector: str | None = None,
    ) -> None:
        self.log = log
        self.retries = 0
        self.dead_letters = 0
        self.dropped = 0
        self._handler = handler
        self._errors = errors
        self._flow = flow
        self._step = step
        self._collector = collector

    def met(self, error: Exception) -> None:
        """It failed, and is tried again."""
        self.retries += 1
        self.log.met(describe(error))
        self._errors[kind_of(error)].record(1)

    async def settle(self, item: Any, receipt: Receipt, error: Exception) -> None:
        """Settle an item that failed for good, given as it was before it was encoded.

        Raises:
            FlowFailed: when the pipeline is to stop.
        """
        self._errors[kind_of(error)].record(1)
        status = await self._handler.settle(
            item,
            receipt,
            error,
            on_error=self._step.on_error,
            flow=self._flow,
            step=self._step.name,
            collector=self._collector,
        )
        self.dead_letters += status is Status.DEAD_LETTERED
        self.dropped += status is Status.DROPPED


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says the most: a failed flow, rather than what happened because of it."""
    # A failed part makes the group cancel the others, whose errors say nothing about the cause.
    leaves = list(_leaves(errors))
    for kind in (FlowFailed, EkspiperError, Exception):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _leaves(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def without_our_frames(error: EkspiperError) -> EkspiperError:
    """`error` with a traceback that shows where the user's code failed, not how we came there."""
    cause = error.__cause__
    if cause is not None:
        trace = cause.__traceback__
        while trace is not None and _is_ours(trace):
            trace = trace.tb_next
        if trace is not None:
            cause.__traceback__ = trace
    return error.with_traceback(None)


def _is_ours(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__")).startswith("ekspiper.core.")
