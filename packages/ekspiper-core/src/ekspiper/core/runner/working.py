"""Chooses how a step is run."""

from __future__ import annotations

from typing import Any

from ..flow import Step
from .one_by_one import OneByOne
from .ordered import Ordered
from .step_worker import StepWorker
from .unordered import Unordered

__all__ = ["worker_for"]


def worker_for(flow: str, step: Step, *args: Any, **options: Any) -> StepWorker:
    """The worker that runs `step`. The arguments are those of `StepWorker`."""
    kind: type[StepWorker] = OneByOne
    if step.concurrency > 1:
        kind = Ordered if step.ordered else Unordered
    return kind(flow, step, *args, **options)
