"""The table of ledgers: one row each, with what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekspiper.core import EkspiperError
from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.derive import MALFORMED, error_text
from ekspiper.xrpl.ledger import Ledger

from .column import columns
from .transactions import NODES

__all__ = ["COLUMNS", "rows", "totals_of"]

COLUMNS = columns(
    ledger_index="Int64",
    close_time="time",
    transaction_count="Int64",
    failed="Int64",
    fees="Float64",
    fees_drops="Int64",
    total_coins="Float64",
    total_coins_drops="Int64",
    ledger_hash="string",
    parent_hash="string",
    account_hash="string",
    transaction_hash="string",
    problem="string",
)
"""`fees` and `total_coins` are XRP, with the drops beside them; `failed` had another result than
tesSUCCESS and paid its fee all the same. These are missing where a transaction cannot be read;
then `problem` says which."""

_DROPS = 1_000_000


def rows(ledger: Ledger, reader: Any = None) -> Iterator[tuple[Any, ...]]:
    """The row of a ledger.

    Args:
        reader: the compiled codec for tables, where it is there, for the definitions of the ledger.
    """
    header = ledger.header
    fees, failed, problem = totals_of(ledger, reader)
    yield (
        ledger.ledger_index,
        header.close_time + RIPPLE_EPOCH,
        ledger.transaction_count,
        failed,
        None if fees is None else fees / _DROPS,
        fees,
        header.total_coins / _DROPS,
        header.total_coins,
        ledger.ledger_hash,
        ledger.parent_hash,
        header.account_hash.hex().upper(),
        header.transaction_hash.hex().upper(),
        problem,
    )


def totals_of(ledger: Ledger, reader: Any = None) -> tuple[int | None, int | None, str | None]:
    """What its transactions paid in drops, and how many failed; or None for both, and the reason."""
    blobs = ledger.blobs
    if reader is not None and blobs is not None:
        totals = reader.totals((blobs.data, blobs.spans, blobs.ids))
        if totals is not None:
            return (*totals, None)
    fees = failed = 0
    for each in ledger.showing(NODES):
        try:
            fees += int(each.fields["Fee"]["value"])
            failed += each.meta["TransactionResult"] != "tesSUCCESS"
        except (EkspiperError, *MALFORMED) as error:
            # A sum that lacks one transaction would be wrong without showing it.
            return None, None, f"transaction {each.hash} cannot be read: {error_text(error)}"
    return fees, failed, None
