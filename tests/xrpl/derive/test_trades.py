"""Trades, against what the same transactions did to balances."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from ekspiper.xrpl.derive import balance_changes, trades
from ekspiper.xrpl.ledger import Transaction

USD = {"currency": "USD", "issuer": "rIssuer"}
POOL = "rPool"


def flows(found: list[dict[str, Any]]) -> dict[tuple[str, str, str], Decimal]:
    """What makers gained and lost by trades."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for trade in found:
        for side, sign in (("got", 1), ("gave", -1)):
            amount = trade[side]
            key = trade["maker"], amount["currency"], amount["issuer"]
            sums[key] += sign * Decimal(amount["value"])
    return sums


def test_makers_gain_and_lose_what_trades_say(recorded_transactions: list[Transaction]) -> None:
    compared: Counter[str] = Counter()
    for one in recorded_transactions:
        found = trades(one.fields, one.meta)
        compared.update(trade["source"] for trade in found)
        moved = {
            (change["account"], change["currency"], change["issuer"]): Decimal(change["value"])
            for change in balance_changes(one.meta)
        }
        others = (one.fields["Account"], one.fields.get("Destination"))
        for (maker, currency, issuer), gained in flows(found).items():
            if maker in others or maker == issuer:
                continue
            # Balances have 16 digits, so small trades round.
            margin = abs(gained) * Decimal("1e-9") + Decimal("1e-7")
            assert abs(moved.get((maker, currency, issuer), 0) - gained) <= margin, (one, maker)
            compared["flows"] += 1
    assert compared == {"offer": 1807, "amm": 501, "flows": 4368}


def test_every_pool_that_a_swap_changed_is_a_trade(
    recorded_transactions: list[Transaction],
) -> None:
    pools = {
        element["CreatedNode"]["NewFields"]["Account"]
        for one in recorded_transactions
        if one.fields["TransactionType"] == "AMMCreate"
        for element in one.meta["AffectedNodes"]
        if element.get("CreatedNode", {}).get("LedgerEntryType") == "AMM"
    }
    assert len(pools) == 2
    for one in recorded_transactions:
        if one.fields["TransactionType"] not in ("Payment", "OfferCreate", "CheckCash"):
            continue
        changed = {change["account"] for change in balance_changes(one.meta)} & pools
        traded = {t["maker"] for t in trades(one.fields, one.meta) if t["source"] == "amm"}
        assert traded == changed, one


def offer(kind: str, now: tuple[str, str], before: tuple[str, str] | None, **more: Any) -> Any:
    """Metadata of an offer of USD for XRP, with these amounts now and before."""

    def sides(usd: str, drops: str) -> dict[str, Any]:
        xrp = {"currency": "XRP", "issuer": "", "value": drops}
        return {"TakerGets": {**USD, "value": usd}, "TakerPays": xrp}

    fields = {"Account": "rMaker", "Sequence": 7, **sides(*now), **more}
    node = {"LedgerEntryType": "Offer", "LedgerIndex": "AB" * 32, "FinalFields": fields}
    if before is not None:
        node["PreviousFields"] = sides(*before)
    return {"AffectedNodes": [{kind: node}]}


OFFER_CREATE = {"TransactionType": "OfferCreate", "Account": "rTaker"}


def test_an_offer_taken_in_part() -> None:
    (trade,) = trades(OFFER_CREATE, offer("ModifiedNode", ("6", "12000000"), ("10", "20000000")))
    assert trade == {
        "source": "offer",
        "maker": "rMaker",
        "taker": "rTaker",
        "gave": {**USD, "value": "4"},
        "got": {"currency": "XRP", "issuer": "", "value": "8000000"},
        "price": "2",
        "book": {"taker_gets": USD, "taker_pays": {"currency": "XRP", "issuer": ""}},
        "offer_index": "AB" * 32,
        "offer_sequence": 7,
        "filled": False,
    }


def test_an_offer_taken_whole_in_a_domain() -> None:
    meta = offer("DeletedNode", ("0", "0"), ("10", "20000000"), DomainID="D0" * 32)
    (trade,) = trades(OFFER_CREATE, meta)
    assert trade["filled"]
    assert trade["book"]["domain"] == "D0" * 32


def test_an_offer_that_was_cancelled_is_no_trade() -> None:
    assert trades(OFFER_CREATE, offer("DeletedNode", ("10", "20000000"), None)) == []


def test_an_offer_that_gave_nothing_has_no_price() -> None:
    (trade,) = trades(OFFER_CREATE, offer("ModifiedNode", ("10", "19999999"), ("10", "20000000")))
    assert (trade["gave"]["value"], trade["got"]["value"], trade["price"]) == ("0", "1", None)


def pool(drops: tuple[str, str], usd: tuple[str, str]) -> dict[str, Any]:
    """Metadata of a pool of XRP and USD: before and now."""

    def xrp(value: str) -> dict[str, str]:
        return {"currency": "XRP", "issuer": "", "value": value}

    def line(value: str) -> dict[str, str]:
        return {"currency": "USD", "issuer": "rrrrrrrrrrrrrrrrrrrrBZbvji", "value": value}

    root = {"Account": POOL, "AMMID": "AB" * 32, "Balance": xrp(drops[1])}
    state = {
        "Balance": line(usd[1]),
        "LowLimit": {**USD, "issuer": "rIssuer"},
        "HighLimit": {**USD, "issuer": POOL},
        "Flags": 0x01020000,
    }
    return {
        "AffectedNodes": [
            {
                "ModifiedNode": {
                    "LedgerEntryType": type_,
                    "LedgerIndex": "0" * 64,
                    "FinalFields": fields,
                    "PreviousFields": {"Balance": before},
                }
            }
            for type_, fields, before in (
                ("AccountRoot", root, xrp(drops[0])),
                ("RippleState", state, line(usd[0])),
            )
        ]
    }


def test_a_swap_with_a_pool() -> None:
    (trade,) = trades(OFFER_CREATE, pool(("10000000", "12000000"), ("-40", "-32")))
    assert (trade["source"], trade["maker"], trade["price"]) == ("amm", POOL, "0.25")
    assert trade["gave"] == {**USD, "value": "8"}
    assert trade["got"]["value"] == "2000000"


def test_putting_assets_into_a_pool_is_no_trade() -> None:
    both = pool(("10000000", "12000000"), ("-40", "-48"))
    assert trades(OFFER_CREATE, both) == []
    swap = pool(("10000000", "12000000"), ("-40", "-32"))
    assert trades({**OFFER_CREATE, "TransactionType": "AMMDeposit"}, swap) == []
