"""Tables by the compiled codec are the very tables that the functions in Python make."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from ekspiper.xrpl.codec import Decoder, Definitions, TransactionBlobs, _compiled_codec
from ekspiper.xrpl.explorer import _table_rows
from ekspiper.xrpl.explorer import _tables as tables
from ekspiper.xrpl.explorer._table_rows import TableRows
from ekspiper.xrpl.explorer._tables import TransactionTable, totals_of
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.replay import SAMPLE

from ..codec.one_codec import ledgers_in, mutated, pure_decoder

pytestmark = pytest.mark.skipif(
    _compiled_codec.compiled is None, reason="the compiled codec is not built: hatch run dev:codec"
)

DEFINITIONS = Definitions.bundled()
PURE = pure_decoder(DEFINITIONS, "record")
BUSY = "rUPTxvbyCcz2Yo6E8dC9JNdCW5Gz1uqB5C"  # sends more of the sample's transactions than any other account

TABLES: dict[str, Callable[[], TransactionTable]] = {
    "transactions": lambda: tables.transactions.TABLE,
    "offers": lambda: tables.transactions.of_type("OfferCreate", DEFINITIONS),
    "fields": lambda: tables.with_fields("Payment", DEFINITIONS),
    "payments": lambda: tables.payments.TABLE,
    "trades": lambda: tables.trades.TABLE,
    "balance changes": lambda: tables.balance_changes.of_account(None),
    "balance changes of one": lambda: tables.balance_changes.of_account(BUSY),
    "account": lambda: tables.account.of_account(BUSY),
}


MAIN = ("transactions", "payments", "trades", "balance changes")


class Counted(TableRows):
    """Counts the transactions that are left to Python."""

    left = 0

    def _left(self, ledger: Ledger) -> Iterable[object]:  # type: ignore[override]
        for each in super()._left(ledger):
            self.left += 1
            yield each


def both(
    table: TransactionTable,
    ledgers: Sequence[Ledger],
    monkeypatch: pytest.MonkeyPatch,
    *,
    decode_in_python: bool = True,
) -> tuple[Counted, pd.DataFrame]:
    """The table by the compiled codec and by Python, which must be one."""
    rows = Counted(table, DEFINITIONS)
    for each in ledgers:
        rows.add(each)
    with monkeypatch.context() as patched:
        patched.setattr(_table_rows, "reader_for", lambda _: None)
        plain = TableRows(table, DEFINITIONS)
        for each in ledgers:
            plain.add(in_python(each) if decode_in_python else each)
    made, expected = rows.frame(), plain.frame()
    assert_same(made, expected)
    return rows, made


def in_python(ledger: Ledger) -> Ledger:
    """The ledger, whose transactions are decoded in Python."""
    assert ledger.blobs is not None
    return Ledger.of_blobs(
        ledger.header,
        ledger_hash=ledger.ledger_hash,
        blobs=ledger.blobs,
        decoder=PURE,
        network_id=ledger.network_id,
    )


def assert_same(made: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Values, types, and how both are held."""
    pd.testing.assert_frame_equal(made, expected, check_exact=True)
    assert type(made) is type(expected)
    for name in expected.columns:
        assert type(made[name].array) is type(expected[name].array)
        if isinstance(expected[name].dtype, pd.CategoricalDtype):
            assert made[name].cat.codes.dtype == expected[name].cat.codes.dtype


@pytest.fixture(scope="module")
def ledgers() -> list[Ledger]:
    return list(ledgers_in(Path(SAMPLE), Decoder(DEFINITIONS, shape="record")))


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_sample(
    name: str, ledgers: list[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ledgers if name in MAIN else ledgers[:30]
    rows, made = both(TABLES[name](), read, monkeypatch)

    assert len(made) > 30
    assert not made["problem"].notna().any()
    # Otherwise Python made the rows, and there was nothing to compare.
    if name in MAIN:
        assert rows.left == 0
    assert rows.left < sum(ledger.transaction_count for ledger in read) / 4


def test_what_ledgers_paid_in_fees(ledgers: list[Ledger]) -> None:
    reader = _table_rows.reader_for(DEFINITIONS)
    for each in [*ledgers, altered(ledgers[0], 50, random.Random(1))]:
        assert totals_of(each, reader) == totals_of(in_python(each))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_rows(
    name: str, ledgers: list[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    both(TABLES[name](), [], monkeypatch)


@pytest.mark.parametrize("recording", ["recording", "network"])
def test_tables_of_every_recording(
    recording: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Decoder(DEFINITIONS, shape="record")
    ledgers = list(ledgers_in(shared_data / recording, decoder))
    for name in MAIN:
        # That both decoders say the same of them is tested with the codec.
        both(TABLES[name](), ledgers, monkeypatch, decode_in_python=False)


def altered(ledger: Ledger, count: int, chance: random.Random) -> Ledger:
    """A ledger of altered transactions, each of which keeps its place."""
    assert ledger.blobs is not None
    given = list(ledger.blobs)
    made = []
    for _ in range(count):
        key, tx, meta = chance.choice(given)
        if chance.random() < 0.3:
            tx = mutated(tx, chance)
        else:
            meta = meta[:6] + mutated(meta[6:], chance)
        made.append((key, tx, meta))
    blobs = TransactionBlobs.of_transactions(made)
    decoder = ledger._decoder
    assert decoder is not None
    return Ledger.of_blobs(
        ledger.header, ledger_hash=ledger.ledger_hash, blobs=blobs, decoder=decoder, network_id=1
    )


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_altered_transactions(
    name: str, ledgers: list[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(sum(map(ord, name)))
    full = [ledger for ledger in ledgers if ledger.transaction_count][:40]
    strange = [altered(ledger, 10, chance) for ledger in full]

    rows, made = both(TABLES[name](), strange, monkeypatch)

    assert 0 < made["problem"].notna().sum() < len(made)
    assert rows.left > 0
