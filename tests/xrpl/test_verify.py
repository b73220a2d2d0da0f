"""A ledger is proven or refused: whatever is altered, left out or answered instead is noticed."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import Permanent
from ekspiper.xrpl.codec import CodecError, LedgerHeader
from ekspiper.xrpl.verify import (
    IncompleteLedger,
    VerificationError,
    parse_ledger,
    verify_ledger,
)

pytestmark = pytest.mark.usefixtures("either_codec")

LEDGERS = Path(__file__).parent / "ledgers"
Result = dict[str, Any]


@pytest.fixture(params=["129.json", "242.json"])
def result(request: pytest.FixtureRequest) -> Result:
    loaded: Result = json.loads((LEDGERS / request.param).read_text())["binary"]
    return loaded


def recorded(shared_data: Path) -> Iterator[Result]:
    with gzip.open(shared_data / "recording" / "ledger_v2_binary.jsonl.gz") as lines:
        for line in lines:
            yield json.loads(line)["response"]["result"]


def prove(result: Result) -> None:
    verify_ledger(parse_ledger(result))


def flipped(text: str, at: int, bit: int = 0) -> str:
    data = bytearray.fromhex(text)
    data[at] ^= 1 << bit
    return data.hex().upper()


class TestProof:
    def test_a_recorded_ledger(self, result: Result) -> None:
        ledger = parse_ledger(result, ledger_index=result["ledger_index"])
        verify_ledger(
            ledger, expected_hash=result["ledger_hash"].lower(), parent_hash=ledger.parent_hash
        )

    def test_every_recorded_ledger_follows_the_one_before(self, shared_data: Path) -> None:
        parent: str | None = None
        for result in recorded(shared_data):
            ledger = parse_ledger(result)
            verify_ledger(ledger, parent_hash=parent)
            parent = ledger.ledger_hash

    def test_every_mainnet_ledger(self, shared_data: Path) -> None:
        count = 0
        with gzip.open(shared_data / "mainnet" / "ledgers.jsonl.gz") as lines:
            for line in lines:
                found = json.loads(line)
                result = {"ledger": found["binary"], "validated": True}
                ledger = parse_ledger(
                    result, ledger_index=found["ledger_index"], ledger_hash=found["ledger_hash"]
                )
                verify_ledger(ledger)
                count += 1
        assert count == 70

    def test_api_version_1(self, result: Result) -> None:
        for row in result["ledger"]["transactions"]:
            row["meta"] = row.pop("meta_blob")
        prove(result)

    def test_api_version_1_gives_no_hashes(self, result: Result) -> None:
        hashes = [row.pop("hash") for row in result["ledger"]["transactions"]]
        for row in result["ledger"]["transactions"]:
            row["meta"] = row.pop("meta_blob")
        prove(result)
        assert {each.hash for each in parse_ledger(result).transactions} == {*hashes}

    def test_an_empty_ledger(self, result: Result) -> None:
        header = LedgerHeader.from_bytes(bytes.fromhex(result["ledger"]["ledger_data"]))
        data = header.to_bytes()
        empty = data[:44] + bytes(32) + data[76:]
        answer = {
            "ledger": {"ledger_data": empty.hex(), "transactions": []},
            "ledger_hash": LedgerHeader.from_bytes(empty).ledger_hash.hex(),
            "validated": True,
        }
        ledger = parse_ledger(answer)
        verify_ledger(ledger)
        assert ledger.transactions == ()


class TestAltered:
    """Every byte counts."""

    def test_every_byte_of_every_blob(self, result: Result) -> None:
        for row in result["ledger"]["transactions"]:
            for key in ("tx_blob", "meta_blob"):
                whole = row[key]
                for at in range(len(whole) // 2):
                    row[key] = flipped(whole, at)
                    with pytest.raises(Permanent):
                        prove(result)
                row[key] = whole
        prove(result)

    def test_every_bit_of_the_header(self, result: Result) -> None:
        whole = result["ledger"]["ledger_data"]
        for at in range(len(whole) // 2):
            for bit in range(8):
                result["ledger"]["ledger_data"] = flipped(whole, at, bit)
                with pytest.raises(Permanent):
                    prove(result)

    def test_any_byte_of_any_recorded_ledger(self, shared_data: Path) -> None:
        generator = random.Random(0)
        for result in recorded(shared_data):
            if not result["ledger"]["transactions"]:
                continue
            row = generator.choice(result["ledger"]["transactions"])
            key = generator.choice(("tx_blob", "meta_blob"))
            at = generator.randrange(len(row[key]) // 2)
            row[key] = flipped(row[key], at, generator.randrange(8))
            with pytest.raises(Permanent):
                prove(result)

    def test_a_transaction_is_missing(self, result: Result) -> None:
        del result["ledger"]["transactions"][1]
        with pytest.raises(VerificationError, match="not to its transaction_hash"):
            prove(result)

    def test_a_transaction_is_there_twice(self, result: Result) -> None:
        rows = result["ledger"]["transactions"]
        rows.append(deepcopy(rows[0]))
        with pytest.raises(VerificationError, match=f"{rows[0]['hash']} is there twice"):
            prove(result)

    def test_metadata_of_another_transaction(self, result: Result) -> None:
        first, second = result["ledger"]["transactions"][:2]
        first["meta_blob"], second["meta_blob"] = second["meta_blob"], first["meta_blob"]
        with pytest.raises(VerificationError, match="not to its transaction_hash"):
            prove(result)

    def test_the_message_says_everything_that_differs(self, result: Result) -> None:
        row = result["ledger"]["transactions"][0]
        row["tx_blob"] = flipped(row["tx_blob"], 20)
        result["ledger_hash"] = "AB" * 32
        index = result["ledger_index"]
        with pytest.raises(VerificationError, match=f"ledger {index} is not proven") as caught:
            verify_ledger(parse_ledger(result), expected_hash="CD" * 32, parent_hash="EF" * 32)
        assert caught.value.ledger_index == index
        assert len(caught.value.differences) == 5
        for part in (
            f"not to its ledger_hash {'AB' * 32}",
            f"{'CD' * 32} is expected",
            f"the ledger before it is {'EF' * 32}",
            f"transaction {row['hash']} hashes to ",
            "not to its transaction_hash ",
        ):
            assert part in str(caught.value)


class TestAnotherAnswer:
    """What is not the whole validated ledger that was asked for."""

    @pytest.mark.parametrize("validated", [False, None, "true", 1])
    def test_not_validated(self, result: Result, validated: object) -> None:
        result["validated"] = validated
        with pytest.raises(IncompleteLedger, match="ledger 5 is not validated"):
            parse_ledger(result, ledger_index=5)
        verify_ledger(parse_ledger(result, require_validated=False))

    def test_another_index(self, result: Result) -> None:
        with pytest.raises(IncompleteLedger, match="was answered where ledger 7 was asked for"):
            parse_ledger(result, ledger_index=7)

    def test_an_index_beside_another_header(self, result: Result) -> None:
        result["ledger_index"] = 7
        with pytest.raises(IncompleteLedger, match="where ledger 7 was asked for"):
            parse_ledger(result)

    def test_another_hash(self, result: Result) -> None:
        with pytest.raises(IncompleteLedger, match=f"where {'AB' * 32} was asked for"):
            parse_ledger(result, ledger_hash="AB" * 32)

    def test_no_hash_at_all(self, result: Result) -> None:
        known = result.pop("ledger_hash")
        with pytest.raises(IncompleteLedger, match="has no ledger_hash, so nothing proves it"):
            parse_ledger(result)
        verify_ledger(parse_ledger(result, ledger_hash=known))

    def test_no_transactions_where_there_are_some(self, result: Result) -> None:
        result["ledger"]["transactions"] = []
        with pytest.raises(IncompleteLedger, match="the header says that there are some"):
            parse_ledger(result)

    @pytest.mark.parametrize(("key", "value"), [("ledger", None), ("ledger", []), ("ledger", "00")])
    def test_no_ledger(self, result: Result, key: str, value: object) -> None:
        result[key] = value
        with pytest.raises(IncompleteLedger, match="the answer: ledger is"):
            parse_ledger(result)

    @pytest.mark.parametrize("key", ["ledger_data", "transactions"])
    def test_asked_for_too_little(self, result: Result, key: str) -> None:
        del result["ledger"][key]
        with pytest.raises(IncompleteLedger, match=f"{key} is missing; ask with transactions"):
            parse_ledger(result)

    def test_hashes_instead_of_transactions(self, result: Result) -> None:
        rows = result["ledger"]["transactions"]
        result["ledger"]["transactions"] = [row["hash"] for row in rows]
        with pytest.raises(IncompleteLedger, match="transaction 0 of the answer is not expanded"):
            parse_ledger(result)

    @pytest.mark.parametrize("key", ["tx_blob", "meta_blob"])
    def test_a_part_of_a_transaction_is_missing(self, result: Result, key: str) -> None:
        del result["ledger"]["transactions"][1][key]
        with pytest.raises(IncompleteLedger, match="transaction 1 of the answer has no "):
            parse_ledger(result)

    @pytest.mark.parametrize("value", ["0", "zz", None, 5, ["00"]])
    @pytest.mark.parametrize("key", ["tx_blob", "meta_blob"])
    def test_what_is_not_hex(self, result: Result, key: str, value: object) -> None:
        result["ledger"]["transactions"][1][key] = value
        with pytest.raises(CodecError, match="transaction 1 of the answer"):
            parse_ledger(result)

    @pytest.mark.parametrize("value", ["0", "zz", "00"])
    def test_a_header_that_is_none(self, result: Result, value: str) -> None:
        result["ledger"]["ledger_data"] = value
        with pytest.raises(CodecError, match=r"ledger_data is not hex|118 bytes"):
            parse_ledger(result)
