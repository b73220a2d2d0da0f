"""New ledgers as they close, as an async iterator and as a live table."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from ekspiper.xrpl.ledger import Ledger

from ._assets import number
from ._display import Live
from ._html import aligned, caption, row, table
from ._tables import ledgers as table_of_ledgers
from .views import LedgerView

if TYPE_CHECKING:
    from ._frame import Frame

__all__ = ["Follow"]

# Half a minute of mainnet, and no taller than a cell.
_SHOWN = 8


class Follow:
    """Proven ledgers as they close: `async for ledger in xrpl.follow(10): ...`.

    Args:
        ledgers: opens the stream.
        name: of the network.
    """

    def __init__(self, ledgers: Callable[[], AsyncGenerator[Ledger]], *, name: str) -> None:
        self._ledgers = ledgers
        self._name = name

    def __aiter__(self) -> AsyncGenerator[LedgerView]:
        """The ledgers, each once, none left out."""
        return self._views()

    async def _views(self) -> AsyncGenerator[LedgerView]:
        async with aclosing(self._ledgers()) as ledgers:
            async for ledger in ledgers:
                yield LedgerView(ledger)

    async def show(self) -> Frame:
        """Show the newest ledgers in a table that is updated in place; what `ledgers` gives of all
        of them is returned when the stream ends."""
        # Iterating alone needs no pandas.
        from ._frame import make_frame

        live, newest = Live(), list[LedgerView]()
        rows = []
        async with aclosing(self._views()) as views:
            async for view in views:
                # Not all of them: a stream without end must not keep every ledger.
                newest = [view, *newest[: _SHOWN - 1]]
                rows += list(table_of_ledgers.rows(view.ledger))
                live.update(_Table(newest, len(rows), self._name), line=repr(view))
        return make_frame(table_of_ledgers.COLUMNS, rows)


class _Table:
    def __init__(self, newest: list[LedgerView], seen: int, name: str) -> None:
        self._newest = newest
        self._seen = seen
        self._name = name

    def __repr__(self) -> str:
        return "\n".join(repr(view) for view in self._newest)

    def _repr_html_(self) -> str:
        fees = aligned(["" if view.fees is None else number(view.fees) for view in self._newest])
        rows = [
            row(
                (
                    f"{view.ledger_index:,}",
                    view.close_time.strftime("%H:%M:%S"),
                    f"{len(view):,}",
                    paid,
                    ", ".join(f"{count} {kind}" for kind, count in view.types.most_common(2)),
                )
            )
            for view, paid in zip(self._newest, fees, strict=True)
        ]
        head = ("ledger", "closed (UTC)", "transactions", "fees (XRP)", "most frequent")
        return caption(f"Following {self._name}", f"{self._seen:,} ledgers") + table(head, rows)
