"""A small network of our own, as seen through nodes."""

from __future__ import annotations

import pytest

from ..trust.small_network import SmallNetwork


@pytest.fixture(scope="session")
def network() -> SmallNetwork:
    """Five validators, a publisher and a stranger; nobody changes it."""
    return SmallNetwork()
