"""Which tests of a contract apply to a component: the others are not there at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["leave_out", "needs"]

Test = TypeVar("Test", bound=Callable[..., Any])


def needs(ability: str) -> Callable[[Test], Test]:
    """Mark a test of a contract that applies only to components with an ability."""

    def mark(test: Test) -> Test:
        test.needs_ability = ability  # type: ignore[attr-defined]  # read by leave_out
        return test

    return mark


def leave_out(contract: type, abilities: Mapping[str, bool]) -> None:
    """Take the tests out of a contract's subclass that need what its component cannot do.

    A test that is not there is neither collected nor skipped, so that a skipped test always
    means that something is missing where the tests run.
    """
    for name in dir(contract):
        ability = getattr(getattr(contract, name), "needs_ability", None)
        if ability is not None and not abilities[ability]:
            setattr(contract, name, None)
