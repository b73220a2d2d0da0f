"""Which of the errors of several tasks is the one to tell."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import EkspiperError, FlowFailed

__all__ = ["first_error"]


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
