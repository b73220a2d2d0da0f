from __future__ import annotations

from collections.abc import Iterator

import pytest

from ekspiper.xrpl.replay import Recording


@pytest.fixture(scope="session")
def sample() -> Iterator[Recording]:
    """The recording that comes with the package: ledgers 421 to 540, and the state of the last."""
    recording = Recording.sample()
    yield recording
    recording.close()
