"""What nodes send by themselves while a recording is made: ledgers that close, and who signs them."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from ekspiper.core import EkspiperError, in_thread, replace_file
from ekspiper.xrpl.client import NodePool, RequestError

__all__ = ["StreamRecorder", "record_streams"]

log = logging.getLogger("ekspiper.xrpl.recorder")

# One subscription, so that the order in which everything came is recorded.
_STREAMS = ("ledger", "validations", "manifests")
# A network has some hundred validators; a flood of false ones must not make us ask about each.
_MOST_VALIDATORS = 1000


class StreamRecorder:
    """Writes the messages of the streams as they come; made by `record_streams`.

    Attributes:
        newest: the newest ledger that closed meanwhile; 0 before the first.
    """

    def __init__(self, pool: NodePool, file: BinaryIO) -> None:
        self.newest = 0
        self._pool = pool
        self._file = file
        self._closed = asyncio.Condition()
        self._validators: OrderedDict[str, None] = OrderedDict()

    @property
    def validators(self) -> list[str]:
        """The keys of the validators that were heard: master keys where they are known."""
        return [*self._validators]

    async def until_after(self, ledger_index: int, *, within: float = 15.0) -> None:
        """Return when a later ledger has closed, so that signatures that are late are recorded too.

        Args:
            within: seconds; a network that closes no ledger for so long stands still.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within), self._closed:
                await self._closed.wait_for(lambda: self.newest > ledger_index)

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            await self._write(_STREAMS)
        except RequestError as error:
            log.warning("the recording has no validations and no manifests: %s", error)
            # Clio refuses a subscription as a whole when it does not know one of its streams.
            await self._write(_STREAMS[:1])

    async def _write(self, streams: tuple[str, ...]) -> None:
        async with self._pool.subscribe(streams) as messages:
            async for message in messages:
                await self._take(message)

    async def _take(self, message: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(message) + b"\n")
        if message.get("type") == "validationReceived":
            # Servers give the master key only where they have the manifest.
            key = message.get("master_key") or message.get("validation_public_key")
            if isinstance(key, str) and len(self._validators) < _MOST_VALIDATORS:
                self._validators[key] = None
        elif message.get("type") == "ledgerClosed":
            async with self._closed:
                self.newest = max(self.newest, message["ledger_index"])
                self._closed.notify_all()


@asynccontextmanager
async def record_streams(pool: NodePool, path: Path) -> AsyncIterator[StreamRecorder]:
    """Record the streams for as long as the context lasts, after what is in the file already.

    While it lasts, messages go to a file beside `path`, without `.gz`. What a run that was killed
    left there is kept.

    Args:
        path: the file, `*.jsonl.gz`.
    """
    beside = path.with_suffix("")
    _join(path, beside)
    with beside.open("ab") as file:
        recorder = StreamRecorder(pool, file)
        task = asyncio.create_task(recorder.run())
        try:
            yield recorder
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, EkspiperError):
                await task
    await in_thread(_join, path, beside)


def _join(path: Path, beside: Path) -> None:
    """Append what lies beside the file to it; a line that was cut off is left out."""
    if not beside.exists():
        return
    written = beside.read_bytes()
    # A run that was killed may have left half a line.
    whole = written[: written.rfind(b"\n") + 1]
    before = gzip.decompress(path.read_bytes()) if path.exists() else b""
    replace_file(path, gzip.compress(before + whole))
    beside.unlink()
