"""The trades of one pair, and what to say when there are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Any

from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors.books import Asset

from .assets import asset_text
from .books import offers_of
from .errors import UnknownPair
from .frame import Frame, make_frame
from .reading import LedgerReader
from .session import Session
from .tables.problems import guarded
from .tables.trades import PAIR_COLUMNS, pair_rows, pairs_of
from .tabling import collect_rows
from .wanted import Wanted

__all__ = ["pair_trades"]

_LISTED = 6


async def pair_trades(
    session: Session, wanted: Wanted, pair: tuple[Asset, Asset], *, max_rows: int
) -> Frame:
    """The trades between two assets, priced in the second for one unit of the first.

    Raises:
        UnknownPair: there were none, and the pair has no order book either.
    """
    rows: list[Sequence[Any]] = []
    traded: dict[frozenset[Asset], int] = {}
    last: Ledger | None = None
    columns, rows_of = guarded(PAIR_COLUMNS, lambda each: _counted(each, pair, traded))
    async with session.call() as reader:
        first_index, last_index = await reader.resolve(wanted)
        async with aclosing(reader.shown(first_index, last_index)) as ledgers:
            async for last in ledgers:
                for transaction in last.transactions:
                    collect_rows(rows, rows_of(transaction), last, max_rows=max_rows)
        if not rows and last is not None:
            await _refuse_unknown(reader, pair, last, traded)
    frame = make_frame(columns, rows)
    frame.attrs |= {
        "pair": "/".join(asset_text(each) for each in pair),
        "first_ledger": first_index,
        "last_ledger": last_index,
    }
    return frame


def _counted(
    transaction: Transaction, pair: tuple[Asset, Asset], traded: dict[frozenset[Asset], int]
) -> list[Sequence[Any]]:
    """The rows of a pair, while it is counted which pairs there are."""
    for each in pairs_of(transaction):
        traded[each] = traded.get(each, 0) + 1
    return list(pair_rows(transaction, *pair))


async def _refuse_unknown(
    reader: LedgerReader,
    pair: tuple[Asset, Asset],
    ledger: Ledger,
    traded: dict[frozenset[Asset], int],
) -> None:
    base, counter = pair
    sides = await offers_of(reader.pool, base, counter, ledger)
    if any(side["offers"] for side in sides):
        return
    raise UnknownPair(
        f"{asset_text(base)}/{asset_text(counter)} was not traded in these ledgers and has no "
        f"order book after ledger {ledger.ledger_index}; {_listed(traded)}"
    )


def _listed(traded: dict[frozenset[Asset], int]) -> str:
    names = [_pair_name(each) for each in sorted(traded, key=lambda one: -traded[one])]
    if not names:
        return "no pair was traded in them"
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"traded were {', '.join(names[:_LISTED])}{more}"


def _pair_name(pair: Iterable[Asset]) -> str:
    both = sorted(pair, key=lambda asset: (asset.currency != "XRP", asset))
    return "/".join(asset_text(each) for each in both)
