"""The commands that read the sample network and print: what a newcomer sees of each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import Permanent
from ekspiper.xrpl.whole_books import WholeBooks
from tests.command import ekspiper


def run(*arguments: str, code: int = 0) -> str:
    done = ekspiper(*arguments)
    assert done.code == code, done.err
    return done.out


def test_payments_are_one_json_line_each() -> None:
    lines = [json.loads(line) for line in run("payments", "478:480").splitlines()]
    assert len(lines) > 10
    assert all(478 <= line["ledger_index"] <= 480 for line in lines)
    assert {
        "hash",
        "result",
        "delivered_amount",
        "paths",
        "path_lengths",
        "offers_consumed",
    } <= set(next(line for line in lines if line["result"] == "tesSUCCESS"))
    places = [(line["ledger_index"], line["transaction_index"]) for line in lines]
    assert places == sorted(places)


def test_payments_into_a_folder_go_on(tmp_path: Path) -> None:
    for _ in range(2):
        run("payments", "478:480", "--out", str(tmp_path))
    lines = (tmp_path / "payments.jsonl").read_text().splitlines()
    hashes = [json.loads(line)["hash"] for line in lines]
    assert len(hashes) == len(set(hashes)) > 10


def test_nodes_shows_what_the_pool_knows() -> None:
    shown = run("nodes")
    for heading in (
        "URL",
        "state",
        "network",
        "version",
        "ledgers",
        "latency",
        "in flight",
        "errors",
    ):
        assert heading in shown
    assert "ready" in shown
    assert "421-540" in shown


def test_books_prints_whole_books() -> None:
    books = [json.loads(line) for line in run("books", "--ledger", "540").splitlines()]
    assert len(books) == 20
    assert sum(len(book["offers"]) for book in books) == 165
    assert not any(book["truncated"] for book in books)


def test_books_again_replace_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        run("books", "--ledger", "540", "--out", str(tmp_path))
    assert (tmp_path / "book_offers.jsonl").read_bytes().count(b"\n") == 20


def test_books_that_cannot_be_written_whole_leave_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("books", "--ledger", "540", "--out", str(tmp_path))
    before = (tmp_path / "book_offers.jsonl").read_bytes()
    records = WholeBooks.records

    def torn(self: WholeBooks) -> Iterator[dict[str, Any]]:
        yield from itertools.islice(records(self), 3)
        raise Permanent("the end")

    monkeypatch.setattr(WholeBooks, "records", torn)
    run("books", "--ledger", "540", "--out", str(tmp_path), code=1)
    assert (tmp_path / "book_offers.jsonl").read_bytes() == before
    assert not [*tmp_path.glob(".*.part")]


def test_schema_names_are_listed() -> None:
    names = run("schema", "show").split()
    assert {"transactions", "Payment", "AMMCreate", "RippleState"} <= set(names)


def test_schema_show_has_the_fields_of_a_type() -> None:
    shown = run("schema", "show", "OfferCreate")
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["TakerGets"] == ["Amount", "required"]
    assert rows["Expiration"] == ["UInt32", "optional"]


def test_verify_says_what_it_proved(tmp_path: Path) -> None:
    run("backfill", "478:480", "--out", str(tmp_path))
    assert "no transaction is missing" in run("verify", str(tmp_path))
    assert "is proven, field by field" in run("verify", str(tmp_path), "--deep")
    deep = run("verify", str(tmp_path), "--deep", "--network", "sample")
    assert "is proven, field by field" in deep
    lines = (tmp_path / "transactions.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "transactions.jsonl").write_bytes(b"".join(lines[1:]))
    run("verify", str(tmp_path), code=1)
