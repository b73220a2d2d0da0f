"""A node that serves a recording again and again as one long chain, ledger by ledger, as a file says.

`python -m tests.soak.looped FOLDER OPTIONS` is its process. One line is printed, with `url`; the
process ends when its standard input is closed, with a line that counts the `faults` that struck.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Any, Self

import orjson

from benchmarks.long_chain import chain, recorded_ledgers
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.recorder import ledger_exchange
from ekspiper.xrpl.replay import Recording, ReplayNode

__all__ = ["LoopedRecording", "repeated_ledgers"]

_LOOK_EVERY = 0.005


class LoopedRecording(Recording):
    """Recorded ledgers that repeat: memory holds the headers of all, and each transaction once.

    They come after all that was recorded, so that no answer about a recorded ledger is in place.
    """

    @classmethod
    def of(cls, folder: Path, count: int, most: int) -> Self:
        """The chain of `count` ledgers, made of recorded ones with at most `most` transactions."""
        looped = cls.load(folder)
        looped._loop(repeated_ledgers(folder, most), count)
        return looped

    def _loop(self, ledgers: list[Ledger], count: int) -> None:
        self._bodies = [_transactions(ledger_exchange(ledger)) for ledger in ledgers]
        self._counts = [len(ledger.transactions) for ledger in ledgers]
        record = self.ledgers[self.last]
        self._first = self.last + 1
        span = record.forms["binary2"]
        self.ledgers = {
            ledger.ledger_index: dataclasses.replace(
                record,
                index=ledger.ledger_index,
                hash=ledger.ledger_hash,
                header=ledger.header,
                # `read` tells by the sign that it is to make the ledger.
                forms={"binary2": span._replace(offset=-ledger.ledger_index)},
            )
            for ledger in itertools.islice(chain(ledgers, first=self._first), count)
        }
        self.indexes = tuple(self.ledgers)

    def read(self, span: Any) -> bytes:
        """Recorded bytes, or a ledger of the chain."""
        if span.offset >= 0:
            return super().read(span)
        record = self.ledgers[-span.offset]
        assert record.header is not None
        return (
            b'{"ledger":{"closed":true,"ledger_data":"%b","transactions":%b},"ledger_hash":"%b","ledger_index":%d,"validated":true}'
            % (
                record.header.to_bytes().hex().upper().encode(),
                self._bodies[self._place(record.index)],
                record.hash.encode(),
                record.index,
            )
        )

    def stream(self, ledger_index: int) -> list[bytes]:
        """The message that the ledger has closed."""
        record = self.ledgers[ledger_index]
        assert record.header is not None
        message = {
            "type": "ledgerClosed",
            "fee_base": 10,
            "ledger_hash": record.hash,
            "ledger_index": ledger_index,
            "ledger_time": record.header.close_time,
            "reserve_base": 1_000_000,
            "reserve_inc": 200_000,
            "txn_count": self._counts[self._place(ledger_index)],
        }
        return [orjson.dumps(message)]

    def _place(self, ledger_index: int) -> int:
        return (ledger_index - self._first) % len(self._bodies)


def repeated_ledgers(folder: Path, most: int) -> list[Ledger]:
    """The recorded ledgers that have at most so many transactions."""
    return [each for each in recorded_ledgers(folder) if len(each.transactions) <= most]


def _transactions(exchange: dict[str, Any]) -> bytes:
    return orjson.dumps(exchange["response"]["result"]["ledger"]["transactions"])


async def _serve(folder: Path, *, count: int, most: int, closed: str, **options: Any) -> None:
    with LoopedRecording.of(folder, count, most) as recording:
        newest = _newest(closed)
        async with ReplayNode(recording, close_every=86_400.0, start_at=newest, **options) as node:
            print(json.dumps({"url": node.url}), flush=True)
            ended = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
            while not ended.done():
                # All nodes see the same, one that came late too.
                node.release(_newest(closed))
                await asyncio.sleep(_LOOK_EVERY)
        print(json.dumps({"faults": node.faults_injected}), flush=True)


def _newest(closed: str) -> int:
    """The newest ledger of the network, from the file where the run keeps it."""
    return int(Path(closed).read_text())


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), **json.loads(sys.argv[2])))
