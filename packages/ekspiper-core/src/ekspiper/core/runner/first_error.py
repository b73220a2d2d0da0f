"""Which of the errors of several tasks is the one to tell."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from ..errors import EkspiperError, FlowFailed

__all__ = ["first_error", "without_our_frames"]


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that tells the most: a failed flow before anything that it brought about."""
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
    """`error` with a traceback that shows where the user's code failed, and not our way to it."""
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
