"""What is said while no ledger is signed: when it begins, and once a minute."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ekspiper.core.testing import run_virtual
from ekspiper.xrpl.attestation._signing_watch import SigningWatch


class NoLists:
    """Lists of which none holds."""

    def why_none(self) -> str:
        return "all have expired"


def _watch() -> SigningWatch:
    lists: Any = NoLists()
    return SigningWatch(lists, patience=10.0)


def test_silence_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        watch = _watch()
        watch.moved()
        task = asyncio.create_task(watch.watch({}))
        await asyncio.sleep(100)
        task.cancel()

    run_virtual(main())
    assert len(caplog.messages) == 2
    assert "all have expired" in caplog.messages[0]


def test_forged_ledgers_are_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        watch = _watch()
        for index in range(100):
            watch.compare(index, "AA", "BB")
            await asyncio.sleep(1)

    run_virtual(main())
    assert [message.split()[5] for message in caplog.messages] == ["0", "60"]
