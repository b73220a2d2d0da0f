"""Everything ekspiper raises on purpose.

::

    EkspiperError
    ├── ConfigError            what the user gave cannot be used (exit code 2)
    │   └── UnknownComponent   no collector, source or processor of that name
    ├── MissingExtra           an optional dependency is not installed
    ├── PipelineError          flows that cannot run together, found when the pipeline is made
    ├── ProcessingError        what a processor or collector raises about an item
    │   ├── Retryable          try again, with backoff
    │   │   └── Throttled      try again after the delay that the server asked for
    │   └── Permanent          will never work: a dead letter
    ├── BatchError             some members of a batch were not kept; names them, and why
    ├── FlowFailed             a flow stopped the pipeline; names flow, step and position
    ├── CheckpointError        a checkpoint is damaged, foreign, or cannot be written
    │   └── ShapeChanged       it was taken when the pipeline had other flows, steps or collectors
    ├── ReceiptError           a receipt was not settled exactly once: a bug in the runner
    └── DrainTimeout           the pipeline was stopped before everything was kept
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

__all__ = [
    "BatchError",
    "CheckpointError",
    "ConfigError",
    "DrainTimeout",
    "EkspiperError",
    "FlowFailed",
    "MissingExtra",
    "Permanent",
    "PipelineError",
    "ProcessingError",
    "ReceiptError",
    "Retryable",
    "ShapeChanged",
    "Throttled",
    "UnknownComponent",
    "is_retryable",
]


class EkspiperError(Exception):
    """The root of all errors that ekspiper raises on purpose."""


class ConfigError(EkspiperError):
    """Something the user gave cannot be used. The message says what, where, and what to do."""


class UnknownComponent(ConfigError):
    """No component of that name is installed; the message lists the known ones, nearest first."""


class MissingExtra(EkspiperError):
    """An optional dependency is not installed; the message says which extra to install."""


class PipelineError(EkspiperError):
    """The flows cannot run together: found when the pipeline is made, before anything runs."""


class ProcessingError(EkspiperError):
    """What a processor or a collector raises about the item or batch it was given."""


class Retryable(ProcessingError):
    """It may work if tried again: a lost connection, a time-out, a busy server."""


class Throttled(Retryable):
    """It may work after `delay` seconds, as the server asked."""

    def __init__(self, delay: float, message: str = "asked to wait") -> None:
        super().__init__(message)
        self.delay = delay


class Permanent(ProcessingError):
    """It will never work, however often it is tried: the item becomes a dead letter."""


class BatchError(EkspiperError):
    """Some members of a batch were not kept; the others were.

    Args:
        failures: the exception of each failed member, by its place in the batch (from 0).
            A `Retryable` member is tried again alone; any other goes to the dead letters.
    """

    def __init__(self, failures: Mapping[int, Exception]) -> None:
        first = next(iter(failures.values()), None)
        super().__init__(f"{len(failures)} of the batch were not kept; the first: {first}")
        self.failures = dict(failures)


class FlowFailed(EkspiperError):
    """A flow stopped the pipeline on an error that no dead-letter collector took."""

    def __init__(self, message: str, *, flow: str, step: str, position: object = None) -> None:
        super().__init__(message)
        self.flow = flow
        self.step = step
        self.position = position


class CheckpointError(EkspiperError):
    """A checkpoint is damaged, belongs to another pipeline, or cannot be written."""


class ShapeChanged(CheckpointError):
    """A checkpoint was taken when the pipeline had other flows, steps or collectors.

    Args:
        where: the checkpoint.
        added: the places (`flow/step/collector`) that it does not know.
        removed: the places that the pipeline does not have any more.
    """

    def __init__(self, where: str, *, added: Sequence[str], removed: Sequence[str]) -> None:
        parts = [f"only the checkpoint has {', '.join(removed)}"] if removed else []
        parts += [f"only the pipeline has {', '.join(added)}"] if added else []
        self.difference = f"{where} was taken by another pipeline: {'; '.join(parts)}"
        self.added = tuple(added)
        self.removed = tuple(removed)
        super().__init__(
            f"{self.difference}; adopt it (adopt=True), use another checkpoint, or delete {where} "
            "and what was written to start again"
        )


class ReceiptError(EkspiperError):
    """A receipt was not settled exactly once. Never the user's fault."""


class DrainTimeout(EkspiperError):
    """The pipeline was stopped before it had kept everything that it had read."""


def is_retryable(error: BaseException) -> bool:
    """Whether trying again can help: `Retryable`, a lost connection, or a time-out.

    Everything else, an unexpected exception in a processor included, is permanent.
    """
    # Other errors of the system, such as "permission denied", come back however often it is tried.
    return isinstance(error, Retryable | ConnectionError | TimeoutError | asyncio.TimeoutError)
