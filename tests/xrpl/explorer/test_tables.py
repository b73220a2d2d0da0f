"""The tables: their types, and their numbers held against the recording."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pandas as pd
import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl import Explorer
from ekspiper.xrpl.derive import shorten
from ekspiper.xrpl.explorer import TooManyRows, _table, _table_rows
from ekspiper.xrpl.explorer._assets import amount_cells, asset_text, currency_cells, parse_asset
from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.processors import Asset

EVERYTHING = "421:540"

Tables = dict[str, Any]


def test_every_transaction_is_there_with_the_type_its_column_promises(
    tables: Tables, recorded: list[Transaction]
) -> None:
    frame = tables["transactions"]

    assert list(frame["hash"]) == [each.hash for each in recorded]
    assert str(frame["close_time"].dtype) == "datetime64[ns, UTC]"
    assert str(frame["ledger_index"].dtype) == "Int64"
    assert str(frame["delivered"].dtype) == "Float64"
    assert isinstance(frame["TransactionType"].dtype, pd.CategoricalDtype)
    assert isinstance(frame["Account"].dtype, pd.StringDtype)


def test_fees_sum_up_to_what_was_recorded_and_to_what_disappeared(
    tables: Tables, recorded: list[Transaction]
) -> None:
    transactions = tables["transactions"]
    ledgers = tables["ledgers"]
    paid = sum(int(each.fields["Fee"]["value"]) for each in recorded)

    assert transactions["Fee_drops"].sum() == paid
    assert ledgers["fees_drops"].sum() == paid
    assert transactions["Fee"].sum() == pytest.approx(paid / 1e6)
    # Fees are destroyed: what all XRP became less by, from one ledger to the next.
    burned = ledgers["total_coins_drops"].diff().dropna()
    assert (-burned).tolist() == ledgers["fees_drops"].tolist()[1:]


def test_ledgers_link_to_their_parents(tables: Tables, recorded: list[Transaction]) -> None:
    frame = tables["ledgers"]
    counted = Counter(each.ledger.ledger_index for each in recorded)

    assert len(frame) == 120
    assert frame["parent_hash"].tolist()[1:] == frame["ledger_hash"].tolist()[:-1]
    assert frame["transaction_count"].tolist() == [counted[i] for i in frame["ledger_index"]]


# The trust line of the receiver has a QualityIn of 0.387: a unit that comes in counts so much.
ODD = {"B6182265"}


def test_payments_deliver_what_the_ledger_says_and_receivers_gain_it(
    tables: Tables, recorded: list[Transaction]
) -> None:
    payments = tables["payments"]
    said = {
        each.hash: each.meta.get("DeliveredAmount", each.fields["Amount"])["value"]
        for each in recorded
        if each.fields["TransactionType"] == "Payment"
        and each.meta["TransactionResult"] == "tesSUCCESS"
    }
    assert dict(zip(payments["hash"], payments["delivered_value"], strict=True)) == said

    to_others = payments[payments["Account"] != payments["Destination"]].dropna(subset="gained")
    off = (to_others["gained"] - to_others["delivered"]).abs() > to_others["delivered"] * 1e-9
    assert len(to_others) > 250
    assert {name[:8] for name in to_others[off]["hash"]} == ODD


def test_xrp_payments_cost_the_sender_what_arrived(tables: Tables) -> None:
    payments = tables["payments"]
    plain = payments[(payments["kind"] == "xrp")]

    assert len(plain) > 100
    assert (plain["spent_value"] == plain["delivered_value"]).all()
    assert (plain["delivered"] * 1e6).round().astype("int64").tolist() == [
        int(each) for each in plain["delivered_value"]
    ]


def test_what_makers_gave_takers_got(tables: Tables) -> None:
    """Per transaction and asset of XRP, trades add up to the changes of balances."""
    trades = tables["trades"]
    changes = tables["balance_changes"]
    transactions = tables["transactions"].set_index("hash")
    sent, received = transactions["Account"], transactions["Destination"].fillna("")

    maker_xrp: dict[tuple[str, str], int] = defaultdict(int)
    for row in trades.itertuples():
        if row.gave_currency == "XRP":
            maker_xrp[row.hash, row.maker] -= int(row.gave_value)
        if row.got_currency == "XRP":
            maker_xrp[row.hash, row.maker] += int(row.got_value)
    moved = {
        (row.hash, row.account): int(row.change_value)
        for row in changes.itertuples()
        if row.currency == "XRP"
    }
    checked = 0
    for (name, maker), change in maker_xrp.items():
        if change == 0 or maker in (sent.loc[name], received.loc[name]):
            continue
        assert moved[name, maker] == change, name
        checked += 1
    assert checked > 200


def test_xrp_is_neither_made_nor_lost_but_for_fees(
    tables: Tables, recorded: list[Transaction]
) -> None:
    """All changes of XRP balances in a transaction add up to minus its fee, escrows apart."""
    changes = tables["balance_changes"]
    xrp = changes[changes["currency"] == "XRP"]
    total = xrp["change_value"].astype("int64").groupby(xrp["hash"]).sum()
    holding = {"EscrowCreate", "EscrowFinish", "EscrowCancel", "PaymentChannelCreate"}
    holding |= {"PaymentChannelFund", "PaymentChannelClaim"}
    bridging = {"XChainCommit", "XChainAccountCreateCommit"}

    for each in recorded:
        if each.fields["TransactionType"] not in holding | bridging:
            # The inner transactions of a Batch pay nothing, so nobody's XRP need change.
            assert total.get(each.hash, 0) == -int(each.fields["Fee"]["value"]), each.hash


async def test_trades_of_a_pair_are_those_of_the_whole_table(
    xrpl: Explorer, tables: Tables
) -> None:
    trades = tables["trades"]
    token = trades[trades["got_currency"] == "USD"].iloc[0]
    asset = f"USD.{token['got_issuer']}"
    of_pair = await xrpl.trades(EVERYTHING, pair=f"XRP/{asset}")
    usd = trades["got_issuer"].eq(token["got_issuer"]) & trades["got_currency"].eq("USD")
    bought = trades[usd & trades["gave_currency"].eq("XRP")]

    assert of_pair.attrs["pair"] == f"XRP/{asset}"
    assert (of_pair["side"] == "buy").sum() == len(bought)
    assert of_pair[of_pair["side"] == "buy"]["amount"].sum() == pytest.approx(bought["gave"].sum())
    prices = of_pair["total"] / of_pair["amount"]
    assert prices.tolist() == pytest.approx(of_pair["price"].tolist())


async def test_the_history_of_an_account_ends_with_the_balance_it_has(
    xrpl: Explorer, tables: Tables
) -> None:
    roots = (await xrpl.objects("AccountRoot")).set_index("Account")
    busiest = tables["transactions"]["Account"].value_counts().index[0]
    history = await xrpl.account(busiest, EVERYTHING)

    assert set(history["role"]) <= {"sender", "destination", "affected"}
    assert history["xrp_balance"].dropna().iloc[-1] == pytest.approx(roots.loc[busiest, "Balance"])
    shown = history["xrp_balance"].dropna()
    begin, end = shown.iloc[0], shown.iloc[-1]
    later = history.loc[shown.index[1] :, "xrp_change"].sum()
    assert end - begin == pytest.approx(later)


async def test_objects_have_the_columns_of_their_schema_and_are_proven(xrpl: Explorer) -> None:
    offers = await xrpl.objects("Offer")

    assert offers.attrs == {"ledger_index": 540, "verified": True}
    assert (offers["LedgerEntryType"] == "Offer").all()
    assert str(offers["TakerGets"].dtype) == "Float64"
    assert str(offers["Expiration"].dtype) == "datetime64[ns, UTC]"
    xrp = offers[offers["TakerGets_currency"] == "XRP"]
    assert (xrp["TakerGets"] * 1e6 - xrp["TakerGets_value"].astype("float64")).abs().max() < 1


async def test_a_limit_of_objects_says_that_nothing_was_proven(xrpl: Explorer) -> None:
    some = await xrpl.objects(limit=10)

    assert len(some) == 10
    assert some.attrs["verified"] is False


async def test_all_fields_of_a_type(xrpl: Explorer, recorded: list[Transaction]) -> None:
    frame = await xrpl.transactions(EVERYTHING, type="OfferCreate", fields=True)
    offers = [each for each in recorded if each.fields["TransactionType"] == "OfferCreate"]

    assert frame["TakerPays_value"].tolist() == [
        each.fields["TakerPays"]["value"] for each in offers
    ]
    assert frame["OfferSequence"].dtype == "Int64"
    everything = await xrpl.transactions("538:540", fields=True)
    assert "SendMax" in everything
    assert not everything.isna().all().any(), "columns that nothing fills are left out"


async def test_a_range_without_transactions_gives_an_empty_table_with_all_columns(
    xrpl: Explorer,
) -> None:
    empty = await xrpl.transactions(473)

    assert len(empty) == 0
    assert str(empty["close_time"].dtype) == "datetime64[ns, UTC]"
    assert "Fee_drops" in empty


async def test_a_table_that_would_not_fit_is_refused_in_one_sentence() -> None:
    async with Explorer("sample", cache=False, progress=False, max_rows=100) as xrpl:
        with pytest.raises(TooManyRows, match=r"more than 100 rows at ledger .*backfill"):
            await xrpl.transactions(EVERYTHING)
        with pytest.raises(TooManyRows, match="more than 100 such objects: give a limit"):
            await xrpl.objects()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: x.transactions("-5:", type="Paymnt"), "nearest are Payment"),
        (lambda x: x.objects("Ofer"), "no ledger entry type is called 'Ofer'"),
        (lambda x: x.account("rNobody"), "give the address of an account"),
        (lambda x: x.balance_changes(account="nobody"), "give the address of an account"),
        (lambda x: x.transaction("xyz"), "give its hash"),
        (lambda x: x.transaction("C00001B9FFFF03FD"), "has 32 transactions, but not"),
        (lambda x: x.ledger(1.5), "1.5 is not a ledger: give its index, its hash, or a time"),
        (lambda x: x.ledger(True), "True is not a ledger"),
        (lambda x: x.books("-5:", limit=0), "limit must be at least 1, not 0"),
        (lambda x: x.follow(0).show(), "follow at least 1 ledger, not 0"),
    ],
)
async def test_bad_arguments_are_one_sentence(xrpl: Explorer, call: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await call(xrpl)  # type: ignore[operator]


SOLO = "534F4C4F00000000000000000000000000000000"


def test_currencies_can_be_read_and_keep_their_code(tables: Tables) -> None:
    payments = tables["payments"]
    assert (payments.currency == "SOLO").sum() == (payments.currency_code == SOLO).sum() > 0
    assert (payments.spent_currency == "SOLO").sum() == (payments.spent_currency_code == SOLO).sum()
    assert SOLO not in payments["currency"].value_counts()
    for name, column in (
        ("transactions", "delivered_currency"),
        ("trades", "gave_currency"),
        ("trades", "got_currency"),
        ("balance_changes", "currency"),
    ):
        frame = tables[name]
        assert set(frame[column][frame[f"{column}_code"] == SOLO]) == {"SOLO"}, name
        plain = frame[f"{column}_code"].isin(["XRP", "USD", "EUR"])
        assert (frame[column][plain] == frame[f"{column}_code"][plain]).all(), name


def test_sql_finds_currencies_by_name(tables: Tables) -> None:
    duckdb = pytest.importorskip("duckdb")
    payments = tables["payments"]
    with duckdb.connect() as database:
        database.register("payments", payments)
        ((found,),) = database.sql(
            "select count(*) from payments where currency = 'SOLO'"
        ).fetchall()
    assert found == (payments.currency_code == SOLO).sum()


@pytest.mark.parametrize("text", ["XRP", "USD", "xrp", "MPT", "LP 12345678", " a  ", "SO\u0000LO"])
def test_a_code_that_only_looks_like_another_keeps_its_hex(text: str) -> None:
    code = text.encode().hex().upper().ljust(40, "0")
    amount = {"currency": code, "issuer": ACCOUNT, "value": "1"}
    assert currency_cells(amount) == (code, code)
    assert asset_text(amount) == f"{code}.{ACCOUNT}"
    assert shorten(code) != text


@pytest.mark.parametrize("text", ["SOLO", "US", "a/bcd", "a.bcd", "a bcd", "RLUSD"])
def test_the_name_of_an_asset_is_read_back(text: str) -> None:
    code = text.encode().hex().upper().ljust(40, "0")
    asset = Asset(code, ACCOUNT)
    assert parse_asset(asset_text(asset)) == asset
    assert currency_cells(asset._asdict() | {"value": "1"})[0] == text


def test_an_mpt_is_named_by_its_id() -> None:
    amount = {"currency": "", "issuer": "", "value": "7", "mpt_issuance_id": "00" * 24}
    assert amount_cells(amount) == (7.0, "MPT", "00" * 24, "00" * 24, "7")


ACCOUNT = "rrrrrrrrrrrrrrrrrrrrBZbvji"

CALLS: dict[str, Any] = {
    "transactions": lambda xrpl: xrpl.transactions("538:540"),
    "payments": lambda xrpl: xrpl.payments("538:540"),
    "trades": lambda xrpl: xrpl.trades("538:540"),
    "balance_changes": lambda xrpl: xrpl.balance_changes("538:540"),
    "account": lambda xrpl: xrpl.account(ACCOUNT, "538:540"),
    "fields": lambda xrpl: xrpl.transactions("538:540", fields=True),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_transaction_that_cannot_be_read_has_a_row_that_says_why(
    xrpl: Explorer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = await CALLS[name](xrpl)
    broken = (await xrpl.payments("538:540"))["hash"].iloc[0]
    spoil(monkeypatch, broken)
    frame = await CALLS[name](xrpl)
    row = frame[frame["hash"] == broken]
    assert len(row) == 1
    assert row["problem"].iloc[0]
    assert row["close_time"].notna().all()
    others = frame[frame["hash"] != broken]
    assert (
        others["hash"].tolist() == whole["hash"][(whole["hash"] != broken).fillna(False)].tolist()
    )
    assert "problem" not in others or others["problem"].isna().all()
    assert "problem" in frame._repr_html_()


async def test_ledgers_books_and_views_go_on_without_what_cannot_be_read(
    xrpl: Explorer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = (await xrpl.payments("538:540"))["hash"].iloc[0]
    spoil(monkeypatch, broken)
    ledgers = await xrpl.ledgers("538:540")
    assert ledgers["problem"].notna().sum() == 1
    assert ledgers["fees"].notna().sum() == 2
    assert len(await xrpl.books("538:540", limit=2)) > 0
    assert broken in caplog.text
    view = await xrpl.transaction(broken)
    assert "unknown" in repr(view)
    assert "unknown" in view._repr_html_()
    ledger = await xrpl.ledger(view.ledger_index)
    assert ledger.fees is None
    assert "fees" in ledger._repr_html_()
    assert ledger.transactions["problem"].notna().sum() == 1


def test_the_column_of_problems_is_shown_only_when_it_says_something(tables: Tables) -> None:
    assert "problem" in tables["trades"].columns
    assert "problem" not in tables["trades"]._repr_html_()
    assert "problem" not in repr(tables["trades"])


def spoil(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Metadata of one transaction whose end cannot be read, where rows are made in Python: the
    compiled codec looks at bytes, and declines those (see test_compiled_rows.py)."""
    for module in (_table, _table_rows):
        monkeypatch.setattr(module, "reader_for", lambda _: None)
    read = Transaction.meta.fget
    assert read is not None

    def meta(self: Transaction) -> dict[str, Any]:
        found = read(self)
        return {"TransactionIndex": self.index} if self.hash == broken else found

    monkeypatch.setattr(Transaction, "meta", property(meta))
