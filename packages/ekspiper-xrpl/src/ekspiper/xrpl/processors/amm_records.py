"""Records of the pools (AMMs) that a ledger touched."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ekspiper.core import Processor, Retryable
from ekspiper.xrpl.client import LedgerUnavailable, RequestError
from ekspiper.xrpl.derive import Pool
from ekspiper.xrpl.ledger import Ledger

from .books import record_amount
from .exchange_reader import ExchangeReader
from .fetch_book_offers import RequestPool

__all__ = ["AmmRecords"]

_AMOUNTS = ("amount", "amount2", "lp_token")

log = logging.getLogger("ekspiper.xrpl.processors")


class AmmRecords(Processor[Ledger, dict[str, Any]]):
    """Ledger -> a record for each pool whose entry or assets it changed, in order of account.

    A record has `ledger_index`, `ledger_hash`, `close_time_iso`, `account`, `balances` (those that
    changed, after the ledger) and `source`. From a node (`amm_info`) it has everything that the node says of the
    pool: `amount`, `amount2`, `lp_token`, `trading_fee`, `auction_slot`, `vote_slots`, ... From
    metadata alone it has what that shows: `lp_token` and `trading_fee` where the pool's entry
    changed, and `deleted`.

    Args:
        pool: where to ask; without it, or when no node answers, the record is made from metadata.
        reader: as in `BookOfferBuilder`.
    """

    def __init__(
        self, pool: RequestPool | None = None, *, reader: ExchangeReader | None = None
    ) -> None:
        self.pool = pool
        self._reader = reader or ExchangeReader()

    async def process(self, item: Ledger) -> list[dict[str, Any]]:
        """The records of one ledger.

        Raises:
            Retryable: no node could be asked, or one answered for another ledger.
        """

        read = self._reader.read(item)
        for place, error in read.errors:
            changed = item.transaction(place, None)
            log.warning("%r changes no record of a pool: %s", changed, error)
        touched = read.pools
        # Sorted, so that the records of a ledger come in the same order in each run.
        return [await self._record(item, touched[account]) for account in sorted(touched)]

    async def _record(self, ledger: Ledger, touched: Pool) -> dict[str, Any]:
        record: dict[str, Any] = {
            "ledger_index": ledger.ledger_index,
            "ledger_hash": ledger.ledger_hash,
            "close_time_iso": ledger.close_time_iso,
            "account": touched.account,
            "balances": [touched.balances[asset] for asset in sorted(touched.balances)],
        }
        # After the ledger that deleted it, no node knows the pool.
        answered = None if touched.deleted else await self._ask(ledger, touched.account)
        return {**record, **(_from_metadata(touched) if answered is None else answered)}

    async def _ask(self, ledger: Ledger, account: str) -> dict[str, Any] | None:
        if self.pool is None:
            return None
        request = {
            "command": "amm_info",
            "amm_account": account,
            "ledger_index": ledger.ledger_index,
            "api_version": 2,
        }
        try:
            result = await self.pool.request(request, ledger_index=ledger.ledger_index)
        except (RequestError, LedgerUnavailable) as error:
            log.info("ledger %s: pool %s from metadata: %s", ledger.ledger_index, account, error)
            return None
        # The answer cannot be proven, but it can at least be of the ledger that is.
        if result.get("ledger_hash") != ledger.ledger_hash:
            raise Retryable(
                f"amm_info {account} at ledger {ledger.ledger_index} ({ledger.ledger_hash}):"
                f" the answer is of ledger_hash {result.get('ledger_hash')}"
            )
        return _from_node(result["amm"])


def _from_node(amm: Mapping[str, Any]) -> dict[str, Any]:
    record = {"source": "amm_info", **amm}
    for name in _AMOUNTS:
        if name in record:
            record[name] = record_amount(record[name])
    slot = record.get("auction_slot")
    if slot:
        record["auction_slot"] = {**slot, "price": record_amount(slot["price"])}
    return record


def _from_metadata(touched: Pool) -> dict[str, Any]:
    record: dict[str, Any] = {"source": "metadata", "deleted": touched.deleted}
    if touched.entry:
        record["lp_token"] = touched.entry.get("LPTokenBalance")
        record["trading_fee"] = touched.entry.get("TradingFee", 0)
    return record
