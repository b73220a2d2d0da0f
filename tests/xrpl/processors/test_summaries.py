"""Records of pools, payments and ledger objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ekspiper.core import Permanent, Retryable
from ekspiper.xrpl.client import RequestError
from ekspiper.xrpl.codec import Decoder, Encoder, NodeFilter
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import AmmRecords, LedgerObjectRecord, PaymentSummary
from ekspiper.xrpl.schema import Formats
from ekspiper.xrpl.sources import ObjectPage

Lines = Callable[[str], Any]


class Pool:
    """Answers `amm_info` from the recording."""

    def __init__(self, lines: Lines) -> None:
        self.answers = {
            (line["request"]["ledger_index"], line["request"]["amm_account"]): line["response"][
                "result"
            ]
            for line in lines("amm_info_v2.jsonl.gz")
        }
        self.asked: set[Any] = set()

    async def request(
        self, request: dict[str, Any], /, *, ledger_index: int | None = None
    ) -> dict[str, Any]:
        key = request["ledger_index"], request["amm_account"]
        self.asked.add(key)
        if key not in self.answers:
            raise RequestError("actNotFound", "Account not found.", request)
        return dict(self.answers[key])


async def test_every_recorded_pool_has_a_record(
    recorded_ledgers: list[Ledger], recorded_lines: Lines
) -> None:
    pool = Pool(recorded_lines)
    met: Counter[str] = Counter()
    for ledger in recorded_ledgers:
        for record in await AmmRecords(pool).process(ledger):
            met[record["source"]] += 1
            assert record["close_time_iso"] == ledger.close_time_iso
            if record["source"] == "metadata":
                continue
            # What metadata shows of a pool's balances is what the node says.
            said = {(a["currency"], a["issuer"]): a for a in (record["amount"], record["amount2"])}
            for balance in record["balances"]:
                assert said[balance["currency"], balance["issuer"]] == balance
            assert record["lp_token"].keys() == {"currency", "issuer", "value"}
            assert record["auction_slot"]["price"].keys() == {"currency", "issuer", "value"}
    # The recording asked for the pools whose account changed; votes and pools without XRP change
    # others, too.
    assert pool.answers.keys() < pool.asked
    assert met["amm_info"] == 210
    assert met["metadata"] == len(pool.asked) - 210


async def test_without_a_node_metadata_has_to_do(recorded_ledgers: list[Ledger]) -> None:
    records = [one for ledger in recorded_ledgers for one in await AmmRecords().process(ledger)]
    assert {record["source"] for record in records} == {"metadata"}
    created = next(record for record in records if "lp_token" in record)
    assert created["ledger_index"] == 12
    assert created["lp_token"]["value"] == "70710678.11865475"
    assert created["trading_fee"] == 500
    assert not created["deleted"]


async def test_a_pool_of_another_ledger_is_asked_for_again(
    recorded_ledgers: list[Ledger], recorded_lines: Lines
) -> None:
    pool = Pool(recorded_lines)
    for answer in pool.answers.values():
        answer["ledger_hash"] = "AB"
    with pytest.raises(Retryable, match="at ledger 12"):
        await AmmRecords(pool).process(recorded_ledgers[9])


async def test_payments_have_one_line_each(recorded_transactions: list[Transaction]) -> None:
    summaries = [
        summary for one in recorded_transactions for summary in await PaymentSummary().process(one)
    ]
    assert len(summaries) == 2704
    assert Counter(one["result"] for one in summaries)["tesSUCCESS"] == 2182
    for one in summaries:
        assert ("delivered_amount" in one) == (one["result"] == "tesSUCCESS")
        assert len(one["path_lengths"]) == one["paths"]
        assert len(one["offers"]) == one["offers_consumed"]
        assert len(one["amms"]) == one["amms_consumed"]
    assert sum(sum(one["path_lengths"]) for one in summaries) == 196 + 159 + 37
    assert any(one["offers"] for one in summaries)
    assert any(one["amms"] for one in summaries)
    assert any(one["partial"] for one in summaries)


async def test_a_payment_names_its_currency_and_keeps_the_code(
    recorded_transactions: list[Transaction],
) -> None:
    amounts = [
        amount
        for one in recorded_transactions
        for summary in await PaymentSummary().process(one)
        for amount in (summary.get("amount"), summary.get("send_max"))
        if amount is not None and amount["currency"]
    ]
    hexed = {a["currency_code"]: a["currency"] for a in amounts if len(a["currency_code"]) == 40}
    assert hexed
    for code, name in hexed.items():
        assert bytes.fromhex(code) == name.encode().ljust(20, b"\0")
    assert {a["currency"] for a in amounts if a["currency_code"] == "XRP"} == {"XRP"}


@pytest.fixture(scope="module")
def pages(recorded_lines: Lines) -> list[ObjectPage]:
    """The recorded state of ledger 302."""
    lines = recorded_lines("ledger_data_v2_binary_302.jsonl.gz")
    return [
        ObjectPage(
            ledger_index=302,
            ledger_hash=line["response"]["result"]["ledger_hash"],
            prefix="",
            objects=tuple((o["index"], o["data"]) for o in line["response"]["result"]["state"]),
            last="marker" not in line["response"]["result"],
        )
        for line in lines
    ]


async def test_every_recorded_object_fits(pages: list[ObjectPage]) -> None:
    objects = LedgerObjectRecord()
    records = [record for page in pages for record in await objects.process(page)]
    assert len(records) == 2085
    assert objects.report().records == 2085
    assert not objects.report(), str(objects.report())
    assert all(record["ledger_index"] == 302 for record in records)


def test_an_issuance_has_its_id() -> None:
    fields = {
        "LedgerEntryType": "MPTokenIssuance",
        "Flags": 0,
        "Sequence": 479,
        "Issuer": "raqTyq3LKRmeAcki14egZfCTe2fuQNbDYf",
        "OwnerNode": "0",
        "OutstandingAmount": "0",
        "PreviousTxnID": "AB" * 32,
        "PreviousTxnLgrSeq": 5,
    }
    page = ObjectPage(ledger_index=5, ledger_hash="CD" * 32, prefix="", objects=(), last=True)
    processor = LedgerObjectRecord(strict=True)
    record = processor.record(page, "EF" * 32, Encoder().encode(fields).hex())
    assert record["mpt_issuance_id"] == "000001DF40031DE0877B3FB2835BD1FBAD2C42F210F885AC"
    assert "mpt_issuance_id" in Formats().ledger_entry("MPTokenIssuance")
    assert "mpt_issuance_id" in Formats().objects_table()
    assert "mpt_issuance_id" not in Formats().ledger_entry("Offer")


def test_strict_refuses_an_object_that_does_not_fit(pages: list[ObjectPage]) -> None:
    index, data = pages[0].objects[0]
    # A SignerWeight, which an AccountRoot has not.
    strange = data[:6] + "130007" + data[6:]
    record = LedgerObjectRecord().record(pages[0], index, strange)
    assert record["_unrecognized"] == {"SignerWeight": 7}
    with pytest.raises(Permanent, match="unknown field AccountRoot"):
        LedgerObjectRecord(strict=True).record(pages[0], index, strange)


@pytest.mark.parametrize("missing", ["AffectedNodes", "TransactionResult"])
async def test_a_payment_that_cannot_be_derived_has_a_row_that_says_why(
    recorded_transactions: list[Transaction], missing: str
) -> None:
    payment = next(x for x in recorded_transactions if x.fields["TransactionType"] == "Payment")
    (whole,) = await PaymentSummary().process(payment)
    spoiled = Transaction(
        tx_blob=payment.tx_blob,
        meta_blob=payment.meta_blob,
        hash=payment.hash,
        index=payment.index,
        ledger=payment.ledger,
        decoder=without(missing),
    )
    (summary,) = await PaymentSummary().process(spoiled)
    assert summary["hash"] == payment.hash
    if missing == "AffectedNodes":
        assert summary["problem"].endswith("the field 'AffectedNodes' is missing")
        assert "offers" not in summary
    else:
        assert "result" not in summary
        assert summary["delivered_amount"] == "unavailable"
    assert summary["amount"] == whole["amount"]


async def test_a_payment_that_cannot_be_decoded_has_a_row_too(
    recorded_transactions: list[Transaction],
) -> None:
    payment = next(x for x in recorded_transactions if x.fields["TransactionType"] == "Payment")
    cut = Transaction(
        tx_blob=payment.tx_blob[:-1],
        meta_blob=payment.meta_blob,
        hash=payment.hash,
        index=payment.index,
        ledger=payment.ledger,
        decoder=Decoder(shape="record"),
    )
    (summary,) = await PaymentSummary().process(cut)
    assert summary["hash"] == payment.hash
    assert summary["problem"]


def without(name: str) -> Any:
    """A decoder that cannot read one field of metadata."""

    class Partial(Decoder):
        def metadata(self, blob: bytes, nodes: NodeFilter | None = None) -> dict[str, Any]:
            meta = super().metadata(blob, nodes)
            return {key: value for key, value in meta.items() if key != name}

    return Partial(shape="record")
