"""What a ledger touched, by one look at those nodes of its metadata that count."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from ekspiper.xrpl.codec import Decoder, TransactionBlobs
from ekspiper.xrpl.derive import pools_touched
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.processors import ExchangeReader, books_touched
from ekspiper.xrpl.replay import SAMPLE

from ..codec.one_codec import ledgers_in

pytestmark = pytest.mark.usefixtures("either_codec")


def of_blobs(ledger: Ledger) -> Ledger:
    """The same ledger as it comes from a node: no objects for its transactions."""
    rows = [
        (bytes.fromhex(each.hash), each.tx_blob, each.meta_blob) for each in ledger.transactions
    ]
    return Ledger.of_blobs(
        ledger.header,
        ledger_hash=ledger.ledger_hash,
        blobs=TransactionBlobs.of_transactions(rows),
        decoder=Decoder(shape="record"),
    )


def test_it_is_what_all_metadata_of_the_ledger_says() -> None:
    reader, found = ExchangeReader(), 0
    for ledger in ledgers_in(Path(SAMPLE), Decoder(shape="record")):
        metas = [each.meta for each in ledger.transactions]
        for form in (ledger, of_blobs(ledger)):
            touched = reader.read(form)
            assert list(touched.books) == sorted(books_touched(metas))
            assert touched.pools == pools_touched(metas)
            assert (touched.unread, touched.errors) == (None, ())
        found += bool(touched.books) and bool(touched.pools)
    assert found > 20


def test_a_ledger_is_read_once_and_forgotten_with_it() -> None:
    reader = ExchangeReader()
    ledger = of_blobs(next(ledgers_in(Path(SAMPLE), Decoder(shape="record"))))
    touched = reader.read(ledger)
    assert reader.read(ledger) is touched
    gone = weakref.ref(ledger)
    del ledger
    gc.collect()
    assert gone() is None
    assert len(reader._read) == 0
