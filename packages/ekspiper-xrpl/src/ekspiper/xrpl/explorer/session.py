"""What every call of an explorer goes through: is it open, is it connected, was it interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from .connection import Connection, ConnectionOptions
from .errors import ExplorerClosed
from .reading import LedgerReader

__all__ = ["Session"]


class Session:
    """The connections of an explorer, one for each event loop it is used on.

    Args:
        options: what to open, and how to read it.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self.options = options
        self.closed = False
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, Connection] = (
            WeakKeyDictionary()
        )
        self._calls: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()

    def check_open(self) -> None:
        """Raise `ExplorerClosed` after `close`."""
        if self.closed:
            name = self.options.network
            raise ExplorerClosed(
                f"this explorer of {self.options.found} is closed: make a new one with "
                f"Explorer({name!r})"
            )

    @asynccontextmanager
    async def call(self) -> AsyncIterator[LedgerReader]:
        """One call: connected within it; an interrupted one leaves no connection behind."""
        self.check_open()
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            connection = self._connections[loop] = Connection(self.options)
        self._calls[loop] = self._calls.get(loop, 0) + 1
        try:
            yield await connection.open()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            if self._calls[loop] == 1:
                await connection.close()
            raise
        finally:
            self._calls[loop] -= 1

    async def close(self) -> None:
        """Disconnect on this loop, and refuse further calls."""
        self.closed = True
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await connection.close()
