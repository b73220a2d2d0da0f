"""Lets pytest show the values of an `assert` of the contract suites that fails."""

from __future__ import annotations

import sys

__all__: list[str] = []

# pytest rewrites the assertions of test modules as they are imported. The suites lie in a library,
# so they must be named before; and nobody who only uses the kit should have to install pytest.
if "pytest" in sys.modules:
    import pytest

    pytest.register_assert_rewrite(
        f"{__package__}.source_contract",
        f"{__package__}.processor_contract",
        f"{__package__}.collector_contract",
    )
