"""What is shown: short on the screen, whole underneath, in words that are true."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl import Explorer
from ekspiper.xrpl.derive import shorten
from ekspiper.xrpl.explorer import UnknownPair
from ekspiper.xrpl.explorer._assets import number, parse_asset, parse_pair
from ekspiper.xrpl.explorer._effects import effects
from ekspiper.xrpl.explorer._frame import Frame
from ekspiper.xrpl.explorer._html import aligned, facts, row
from ekspiper.xrpl.ledger import Transaction

ISSUER = "rvYAfWj5gh67oV6fW32ZzP3Aw4Eubs59B"


class Balanced(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_html(markup: str) -> str:
    parser = Balanced()
    parser.feed(markup)
    assert parser.open == []
    return re.sub(r"<[^>]*>", " ", markup)


def test_tables_shorten_for_the_eye_only(tables: dict[str, Any]) -> None:
    frame = tables["transactions"].head(3)
    whole = frame["hash"].iloc[0]
    shown = frame._repr_html_()

    assert len(whole) == 64
    assert whole not in shown
    assert whole not in repr(frame)
    assert f"{whole[:8]}…" in shown
    assert "&lt;NA&gt;" not in shown
    assert frame.to_csv().count(whole) == 1


def test_what_is_made_of_a_table_is_one_again(tables: dict[str, Any]) -> None:
    frame = tables["payments"]

    assert isinstance(frame, pd.DataFrame)
    assert isinstance(frame[frame["kind"] == "xrp"].sort_values("delivered"), Frame)
    assert len(frame._repr_html_()) < 60_000, "only some rows are shown"
    with pd.option_context("display.max_rows", 4, "display.min_rows", 4):
        assert f"{len(frame)} rows" in repr(frame)


async def test_a_ledger_shows_itself(xrpl: Explorer) -> None:
    ledger = await xrpl.ledger(441)
    text = check_html(ledger._repr_html_())

    assert "Ledger 441" in text
    assert f"{len(ledger)} transactions" in text
    assert sum(ledger.types.values()) == len(ledger) == len(ledger.transactions)
    assert ledger.close_time.isoformat() == "2026-11-26T12:51:02+00:00"
    assert ledger.ledger_hash not in text
    assert ledger.ledger_hash in ledger._repr_html_(), "whole on hover"
    with pytest.raises(ConfigError, match="has 32 transactions, but not 99"):
        ledger.transaction(99)


async def test_a_transaction_is_found_by_hash_and_by_ctid(
    xrpl: Explorer, tables: dict[str, Any]
) -> None:
    row = tables["transactions"].iloc[500]
    by_hash = await xrpl.transaction(row["hash"].lower())
    by_ctid = await xrpl.transaction(row["ctid"])

    assert by_hash.hash == by_ctid.hash == row["hash"]
    assert by_hash.ledger_index == row["ledger_index"]
    assert by_hash.fields["Account"] == row["Account"]
    assert "AffectedNodes" in by_hash.meta
    check_html(by_hash._repr_html_())
    assert repr(by_hash).startswith(str(row["TransactionType"]))


def test_every_transaction_has_words_for_its_effects(recorded: list[Transaction]) -> None:
    """Who says to gain or lose does, by that much; a failure says so and has no other effect."""
    for transaction in recorded:
        said = effects(transaction)
        assert said
        if transaction.meta["TransactionResult"] != "tesSUCCESS":
            assert said[0].startswith("It failed with tec")
            assert all("the fee" in each for each in said[1:] if "XRP" in each)


def test_a_payment_in_words(recorded: list[Transaction]) -> None:
    payment = next(each for each in recorded if each.hash.startswith("FD0D6D84"))

    assert effects(payment) == [
        "rUxUnG…5tY6T delivered 42.693661 XRP to rU16qd…5v1VF.",
        "rU16qd…5v1VF gained 42.693661 XRP.",
        "rUxUnG…5tY6T lost 42.693961 XRP, of which 0.0003 XRP is the fee.",
    ]


def test_a_trade_in_words(recorded: list[Transaction]) -> None:
    offer = next(each for each in recorded if each.hash.startswith("65C2A27C"))

    assert effects(offer) == [
        "rMbvFu…F1M5L offered 2.55744 USD for 5 XRP.",
        "It traded with the offer of rMCLcM…e7pR1: got 5 XRP for 2.53283 USD, which was filled.",
        "rMCLcM…e7pR1 gained 2.53283 USD.",
        "rMCLcM…e7pR1 lost 5 XRP.",
        "rMbvFu…F1M5L lost 2.53283 USD.",
        "rMbvFu…F1M5L gained 4.9997 XRP.",
    ]


def test_a_delegate_pays_the_fee(recorded: list[Transaction]) -> None:
    payment = next(each for each in recorded if each.hash.startswith("FD42C884"))

    assert effects(payment) == [
        "rH7jUq…TqoEQ delivered 0.005 XRP to rL5Xzr…btVFw.",
        "rG11gg…wUdV8 lost 0.0003 XRP, the fee.",
        "rH7jUq…TqoEQ lost 0.005 XRP.",
        "rL5Xzr…btVFw gained 0.005 XRP.",
    ]


async def test_an_order_book(xrpl: Explorer) -> None:
    books = await xrpl.books("-20:")
    first = books.iloc[0]
    book = await xrpl.book(first["base"], first["counter"])

    assert book.best_bid == first["best_bid"]
    assert book.spread == pytest.approx(book.best_ask - book.best_bid)  # type: ignore[operator]
    assert 0 < book.spread < book.mid  # type: ignore[operator]
    assert book.bids["price"].is_monotonic_decreasing
    assert book.asks["price"].is_monotonic_increasing
    assert book.asks["depth"].iloc[-1] == pytest.approx(book.asks["amount"].sum())
    assert book.depth(within=10) == pytest.approx(
        (book.bids["amount"].sum(), book.asks["amount"].sum())
    )
    text = check_html(book._repr_html_())
    assert "spread" in text
    assert "bids" in repr(book)


async def test_a_book_seen_from_the_other_side_is_the_same(xrpl: Explorer) -> None:
    first = (await xrpl.books("-20:")).iloc[0]
    book = await xrpl.book(first["base"], first["counter"])
    turned = await xrpl.book(first["counter"], first["base"])

    assert turned.best_bid == pytest.approx(1 / book.best_ask)  # type: ignore[operator]
    assert turned.asks["total_value"].tolist() == book.bids["amount_value"].tolist()


async def test_a_pair_that_does_not_exist_says_which_do(xrpl: Explorer) -> None:
    with pytest.raises(UnknownPair, match=r"nobody offers XRP/ABC\.rv.* books\('-20:'\) lists"):
        await xrpl.book("XRP", f"ABC.{ISSUER}")
    with pytest.raises(UnknownPair, match=r"was not traded .*; these were traded: XRP/"):
        await xrpl.trades("-20:", pair=f"XRP/ABC.{ISSUER}")
    with pytest.raises(UnknownPair, match="nothing was traded in them"):
        await xrpl.trades(473, pair=f"XRP/ABC.{ISSUER}")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("XRP", "is not a pair: write BASE/COUNTER"),
        ("XRP/XRP", "is one asset twice"),
        ("XRP/USD", "'USD' needs its issuer"),
        ("XRP/USD.rBogus", "its issuer 'rBogus' is not an address"),
        (f"XRP/TOOLONGTOBEACURRENCYCODE.{ISSUER}", "is not a currency code"),
        (("XRP", 5), "5 is not an asset"),
    ],
)
def test_a_pair_that_cannot_be_read(pair: Any, said: str) -> None:
    with pytest.raises(UnknownPair, match=re.escape(said)):
        parse_pair(pair)


def test_assets_as_people_write_them() -> None:
    assert parse_asset("XRP").currency == "XRP"
    assert parse_asset(f"SOLO.{ISSUER}").currency == "534F4C4F" + "0" * 32
    assert parse_asset("00" * 24).mpt_issuance_id == "00" * 24


@pytest.mark.parametrize(
    ("long", "short"),
    [
        (ISSUER, "rvYAfW…ubs59B"[:6] + "…" + ISSUER[-5:]),
        ("AB" * 32, "ABABABAB…"),
        ("534F4C4F" + "0" * 32, "SOLO"),
        (f"USD.{ISSUER}", f"USD.rvYAfW…{ISSUER[-5:]}"),
        ("Payment", "Payment"),
        ("", ""),
    ],
)
def test_shortening(long: str, short: str) -> None:
    assert shorten(long) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.5, "1,234.5"), (0.00002, "0.00002"), (1e-9, "1e-09"), (2e15, "2e+15")],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_html_is_escaped() -> None:
    assert "<b>" not in row(["<b>"])
    assert "<b>" not in facts([("<b>", '"<b>', '"<b>')])


def test_cells_do_not_wrap(tables: dict[str, Any]) -> None:
    """A short address would break at its "…", a time at its space."""
    html = tables["payments"]._repr_html_()
    for tag in ("td", "th"):
        assert f"<{tag}>" not in html
        assert html.count(f'<{tag} style="white-space:nowrap') > 20


def test_decimal_points_stand_below_each_other() -> None:
    cells = aligned(["1,234", "0.5", "12.25", ""])
    shown = [re.sub(r"<[^>]*>", "", cell) for cell in cells]
    assert shown == ["1,234.00", "0.50", "12.25", ".00"]
    seen = [re.sub(r"<span.*</span>", "", cell) for cell in cells]
    assert seen == ["1,234", "0.5", "12.25", ""]
    assert "visibility:hidden" in row(cells)
    assert "&lt;b&gt;" in row(aligned(["<b>"]))


async def test_the_numbers_of_an_order_book_are_aligned(xrpl: Explorer) -> None:
    first = (await xrpl.books("-20:")).iloc[0]
    html = (await xrpl.book(first["base"], first["counter"]))._repr_html_()
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html)
    for column in range(3):
        texts = [re.sub(r"<[^>]*>", "", cell) for cell in cells[column::4]]
        assert len({len(text.partition(".")[2]) for text in texts}) == 1, texts
