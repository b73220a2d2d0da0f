"""A ledger and a transaction as objects that show themselves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ekspiper.core import ConfigError
from ekspiper.xrpl.codec import RIPPLE_EPOCH
from ekspiper.xrpl.derive import shorten
from ekspiper.xrpl.ledger import Ledger, Transaction

from ._assets import number
from ._effects import effects
from ._html import caption, facts, lines, row, table
from ._tables import guarded, totals_of
from ._tables import transactions as table_of_transactions

if TYPE_CHECKING:
    from ._frame import Frame

__all__ = ["LedgerView", "TransactionView"]

_SHOWN = 8
_DROPS = 1_000_000


class TransactionView:
    """A proven transaction: its fields, its metadata, and what it did in words.

    Args:
        transaction: as it was read.
    """

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction

    @property
    def hash(self) -> str:
        """Its id, upper-case hex."""
        return self.transaction.hash

    @property
    def ledger_index(self) -> int:
        """The ledger it is in."""
        return self.transaction.ledger.ledger_index

    @property
    def effects(self) -> list[str]:
        """What it did, in sentences."""
        return effects(self.transaction)

    @property
    def fields(self) -> dict[str, object]:
        """Its own fields, as records have them; a copy."""
        return dict(self.transaction.fields)

    @property
    def meta(self) -> dict[str, object]:
        """Its metadata, as records have it; a copy."""
        return dict(self.transaction.meta)

    def __repr__(self) -> str:
        return "\n".join((self._title(), *(f"  {each}" for each in self.effects)))

    def _title(self) -> str:
        fields, meta = self.transaction.fields, self.transaction.meta
        kind = fields.get("TransactionType", "Transaction")
        result = meta.get("TransactionResult", "result unknown")
        return f"{kind} {shorten(self.hash)} in ledger {self.ledger_index}: {result}"

    def _repr_html_(self) -> str:
        fields, meta = self.transaction.fields, self.transaction.meta
        close_time = self.transaction.ledger.close_time_iso
        fee = int(fields["Fee"]["value"]) / _DROPS if "Fee" in fields else None
        account = str(fields.get("Account", "unknown"))
        shown = [
            ("hash", shorten(self.hash), self.hash),
            ("ledger", f"{self.ledger_index:,}, place {self.transaction.index}", ""),
            ("closed", close_time, close_time),
            ("account", shorten(account), account),
            ("result", str(meta.get("TransactionResult", "unknown")), ""),
            _fee(fee, "fee"),
        ]
        title = caption(str(fields.get("TransactionType", "Transaction")))
        return title + facts(shown) + lines(self.effects)


def _fee(xrp: float | None, name: str) -> tuple[str, str, str]:
    if xrp is None:
        return name, "unknown", "a transaction cannot be read"
    return name, f"{number(xrp)} XRP", f"{round(xrp * _DROPS)} drops"


class LedgerView:
    """A proven ledger: its header, and its transactions as a table.

    Args:
        ledger: as it was read.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @property
    def ledger_index(self) -> int:
        """Its index."""
        return self.ledger.ledger_index

    @property
    def ledger_hash(self) -> str:
        """Its hash, upper-case hex."""
        return self.ledger.ledger_hash

    @property
    def close_time(self) -> datetime:
        """When it closed, in UTC."""
        return datetime.fromtimestamp(self.ledger.header.close_time + RIPPLE_EPOCH, UTC)

    @property
    def fees(self) -> float | None:
        """What its transactions paid, in XRP; this was destroyed. None where one cannot be read."""
        fees, _, _ = totals_of(self.ledger)
        return None if fees is None else fees / _DROPS

    @property
    def transactions(self) -> Frame:
        """Its transactions, as `Explorer.transactions` gives them."""
        from ._frame import make_frame

        columns, rows = guarded(table_of_transactions.COLUMNS, table_of_transactions.rows)
        return make_frame(columns, (row for each in self.ledger.transactions for row in rows(each)))

    def transaction(self, which: int | str) -> TransactionView:
        """One transaction, by its place or its hash.

        Raises:
            ConfigError: it is not in this ledger.
        """
        for each in self.ledger.transactions:
            if which in (each.index, each.hash) or str(which).upper() == each.hash:
                return TransactionView(each)
        raise ConfigError(
            f"ledger {self.ledger_index} has {len(self)} transactions, but not {which!r}"
        )

    @property
    def types(self) -> Counter[str]:
        """How many transactions of each type it holds."""
        return Counter(
            str(each.fields.get("TransactionType", "unknown")) for each in self.ledger.transactions
        )

    def __len__(self) -> int:
        return len(self.ledger.transactions)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in self.types.most_common(3))
        return (
            f"<Ledger {self.ledger_index} closed {self.ledger.close_time_iso}: "
            f"{len(self)} transactions{': ' + kinds if kinds else ''}>"
        )

    def _repr_html_(self) -> str:
        header = self.ledger.header
        parent = self.ledger.parent_hash
        shown = [
            ("closed", self.ledger.close_time_iso, self.ledger.close_time_iso),
            ("hash", shorten(self.ledger_hash), self.ledger_hash),
            ("parent", shorten(parent), parent),
            _fee(self.fees, "fees"),
            ("XRP in all", f"{header.total_coins / _DROPS:,.6f}", f"{header.total_coins} drops"),
        ]
        counted = self.types.most_common()
        rows = [row((name, f"{count:,}")) for name, count in counted[:_SHOWN]]
        left = len(counted) - _SHOWN
        note = f"and {left} more types; see .transactions" if left > 0 else ""
        said = f"{len(self):,} transactions, proven by the ledger's hash"
        title = caption(f"Ledger {self.ledger_index:,}", said)
        return title + facts(shown) + table(("type", "transactions"), rows, note=note)
