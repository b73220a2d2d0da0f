"""What the contract suites share: pytest shows their values; tests that do not apply are gone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["leave_out", "needs"]

# pytest rewrites the assertions of test modules as they are imported. The suites lie in a library,
# so they must be named before; and nobody who only uses the kit should have to install pytest.
if "pytest" in sys.modules:
    import pytest

    pytest.register_assert_rewrite(
        f"{__package__}.source_contract",
        f"{__package__}.processor_contract",
        f"{__package__}.collector_contract",
    )

Test = TypeVar("Test", bound=Callable[..., Any])


def needs(ability: str) -> Callable[[Test], Test]:
    """Mark a test of a contract that applies only to components with an ability."""

    def mark(test: Test) -> Test:
        test.needs_ability = ability  # type: ignore[attr-defined]  # read by leave_out
        return test

    return mark


def leave_out(contract: type, abilities: Mapping[str, bool]) -> None:
    """Remove the tests from a contract's subclass that need something its component cannot do.

    They are not skipped: a skipped test should mean that something is missing on this machine.
    """
    for name in dir(contract):
        ability = getattr(getattr(contract, name), "needs_ability", None)
        if ability is not None and not abilities[ability]:
            setattr(contract, name, None)
