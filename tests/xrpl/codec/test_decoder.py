"""Field types that are rare in ledgers, what definitions do not know, and bytes that are broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xrpl.core.binarycodec import encode

from ekspiper.xrpl.codec import CodecError, Decoder, Definitions, transaction_index

from .conftest import Printed

pytestmark = pytest.mark.usefixtures("either_codec")

ALICE = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
BOB = "rrrrrrrrrrrrrrrrrrrrBZbvji"
ISSUANCE = "00000001B5F762798A53D543A014CAF8B297CFF8F2F937E8"
HASH = "0320B7D421017465D556D018043157AAA37DDE408041CEE54D6C376DF69058F9"
MPT = {"mpt_issuance_id": ISSUANCE, "value": "9223372036854775807"}
USD = {"currency": "USD", "issuer": ALICE, "value": "1.5"}
BRIDGE = {
    "LockingChainDoor": ALICE,
    "LockingChainIssue": {"currency": "XRP"},
    "IssuingChainDoor": BOB,
    "IssuingChainIssue": {"currency": "USD", "issuer": ALICE},
}

# Each is encoded by xrpl-py; the decoder must give it back.
RARE: dict[str, dict[str, Any]] = {
    "bridge": {"TransactionType": "XChainCreateBridge", "XChainBridge": BRIDGE},
    "bridge claim": {"TransactionType": "XChainClaim", "XChainClaimID": "ff", "Amount": "1"},
    "mpt amount": {"TransactionType": "Payment", "Amount": MPT},
    "mpt of nothing": {"TransactionType": "Payment", "Amount": {**MPT, "value": "0"}},
    "mpt issuance": {
        "LedgerEntryType": "MPTokenIssuance",
        "MaximumAmount": "18446744073709551615",
        "OutstandingAmount": "10",
        "OwnerNode": "a",
        "AssetScale": 2,
        "MPTokenMetadata": "00FF",
    },
    "mpt holder": {"LedgerEntryType": "MPToken", "MPTAmount": "16", "MPTokenIssuanceID": ISSUANCE},
    "negative drops": {"TransactionType": "SponsorshipSet", "FeeAmountDelta": "-12"},
    "issue xrp": {"Asset": {"currency": "XRP"}, "Asset2": {"currency": "USD", "issuer": ALICE}},
    "issue mpt": {"Asset": {"mpt_issuance_id": ISSUANCE}},
    "vault": {
        "LedgerEntryType": "Vault",
        "AssetsTotal": "1500000",
        "AssetsAvailable": "1e-11",
        "AssetsMaximum": "0",
        "LossUnrealized": "-2.5",
        "ShareMPTID": ISSUANCE,
        "WithdrawalPolicy": 1,
    },
    "loan": {"LedgerEntryType": "Loan", "LoanScale": -6, "PrincipalOutstanding": "123.456"},
    "oracle": {
        "PriceDataSeries": [
            {
                "PriceData": {
                    "BaseAsset": "XRP",
                    "QuoteAsset": "USD",
                    "Scale": 3,
                    "AssetPrice": "2e4",
                }
            }
        ]
    },
    "permissions": {
        "Permissions": [
            {"Permission": {"PermissionValue": "Payment"}},
            {"Permission": {"PermissionValue": "PaymentBurn"}},
        ]
    },
    "hashes": {"Amendments": [HASH, HASH], "EmailHash": HASH[:32], "TakerPaysIssuer": HASH[:40]},
    "no hashes": {"Indexes": []},
    "batch": {
        "TransactionType": "Batch",
        "RawTransactions": [{"RawTransaction": {"TransactionType": "Payment", "Amount": "5"}}],
    },
    "paths": {
        "Paths": [
            [{"account": ALICE, "type": 1}, {"currency": "USD", "issuer": BOB, "type": 48}],
            [{"currency": "XRP", "type": 16}],
        ]
    },
    "long blob": {"MemoData": "AB" * 12481},
    "middle blob": {"MemoData": "CD" * 193},
    "empty blob": {"SigningPubKey": ""},
}


def blob_of(fields: dict[str, Any]) -> bytes:
    return bytes.fromhex(encode(fields))


@pytest.mark.parametrize("name", RARE)
def test_rare_types_as_the_peer_encodes_them(name: str) -> None:
    decoder = Decoder()
    assert decoder.transaction(blob_of(RARE[name])) == RARE[name]
    assert not decoder.drift


def test_rare_types_in_the_shape_of_records() -> None:
    decoder = Decoder(shape="record")
    assert decoder.transaction(blob_of({"Amount": MPT, "Fee": "12", "SendMax": USD})) == {
        "Amount": {"currency": "", "issuer": "", **MPT},
        "Fee": {"currency": "XRP", "issuer": "", "value": "12"},
        "SendMax": USD,
    }
    assert decoder.transaction(blob_of(RARE["paths"])) == {
        "Paths": [{"steps": path} for path in RARE["paths"]["Paths"]]
    }
    assert decoder.ledger_object(blob_of(RARE["vault"])) == RARE["vault"]
    assert decoder.transaction(blob_of(RARE["bridge"])) == RARE["bridge"]


def test_drops_of_2013_are_negative() -> None:
    assert Decoder().ledger_object(bytes.fromhex("62000000000000000C")) == {"Balance": "-12"}
    assert Decoder(shape="record").ledger_object(bytes.fromhex("62000000000000000C")) == {
        "Balance": {"currency": "XRP", "issuer": "", "value": "-12"}
    }


def test_a_pseudo_transaction_without_an_account() -> None:
    assert Decoder().transaction(bytes.fromhex("12006681006840000000000000007300")) == {
        "TransactionType": "UNLModify",
        "Account": "",
        "Fee": "0",
        "SigningPubKey": "",
    }


def test_an_mpt_issue_of_the_newer_form() -> None:
    """The mark 0 in place of the issuer: the sequence is in big-endian order."""
    blob = bytes.fromhex("0318" + ISSUANCE[8:] + "00" * 20 + ISSUANCE[:8])
    assert Decoder().transaction(blob) == {"Asset": {"mpt_issuance_id": ISSUANCE}}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("3018", "MaximumAmount"),
        ("3019", "OutstandingAmount"),
        ("301A", "MPTAmount"),
        ("301D", "LockedAmount"),
        ("3020", "ConfidentialOutstandingAmount"),
    ],
)
def test_units_of_tokens_are_in_base_10(code: str, name: str) -> None:
    blob = bytes.fromhex(code + "FFFFFFFFFFFFFFFF")
    assert Decoder().ledger_object(blob) == {name: "18446744073709551615"}


def test_a_path_through_a_token() -> None:
    blob = bytes.fromhex("011240" + ISSUANCE + "00")
    assert Decoder().transaction(blob) == {"Paths": [[{"mpt_issuance_id": ISSUANCE, "type": 64}]]}


class TestDrift:
    """What the definitions do not know is kept and counted."""

    def without(self, definitions_json: dict[str, Any], *names: str) -> Decoder:
        rows = [row for row in definitions_json["FIELDS"] if row[0] not in names]
        return Decoder(Definitions.from_server({**definitions_json, "FIELDS": rows}))

    @pytest.mark.parametrize(
        ("fields", "key", "kept"),
        [
            ({"Flags": 1}, "Unknown_UInt32_2", "00000001"),
            ({"TickSize": 5}, "Unknown_UInt8_16", "05"),
            ({"TransferFee": 5}, "Unknown_UInt16_4", "0005"),
            ({"OwnerNode": "a"}, "Unknown_UInt64_4", "000000000000000A"),
            ({"AccountTxnID": HASH}, "Unknown_Hash256_9", HASH),
            ({"Amount": "7"}, "Unknown_Amount_1", "4000000000000007"),
            ({"MemoData": "ABCD"}, "Unknown_Blob_13", "ABCD"),
            ({"Destination": BOB}, "Unknown_AccountID_3", "00" * 19 + "01"),
            ({"Indexes": [HASH]}, "Unknown_Vector256_1", HASH),
            ({"AssetsTotal": "0"}, "Unknown_Number_4", "0000000000000000" + "80000000"),
            ({"LoanScale": -1}, "Unknown_Int32_1", "FFFFFFFF"),
            ({"Memo": {"MemoData": "AB"}}, "Unknown_STObject_10", "7D01AB"),
            ({"Memos": [{"Memo": {"MemoData": "AB"}}]}, "Unknown_STArray_9", "EA7D01ABE1"),
            ({"Asset": {"currency": "XRP"}}, "Unknown_Issue_3", "00" * 20),
            ({"BaseAsset": "XRP"}, "Unknown_Currency_1", "00" * 20),
            (
                {"Paths": [[{"currency": "XRP", "type": 16}]]},
                "Unknown_PathSet_1",
                "10" + "00" * 20 + "00",
            ),
        ],
    )
    def test_an_unknown_field(
        self, definitions_json: dict[str, Any], fields: dict[str, Any], key: str, kept: str
    ) -> None:
        decoder = self.without(definitions_json, *fields)
        blob = blob_of({**fields, "TransactionType": "Payment", "Sequence": 3})
        assert decoder.transaction(blob) == {
            "TransactionType": "Payment",
            "Sequence": 3,
            key: kept,
        }
        assert decoder.drift == {key: 1}

    def test_an_unknown_field_inside_of_an_array(self, definitions_json: dict[str, Any]) -> None:
        decoder = self.without(definitions_json, "Memo")
        blob = blob_of({"Memos": [{"Memo": {"MemoData": "AB"}}], "Fee": "1"})
        assert decoder.transaction(blob) == {
            "Memos": [{"Unknown_STObject_10": "7D01AB"}],
            "Fee": "1",
        }

    def test_a_type_of_unknown_length(self) -> None:
        decoder = Decoder()
        # Sequence, then a field of type 12, which no definitions know, then anything
        blob = bytes.fromhex("2400000003" + "C5" + "DEADBEEF")
        assert decoder.transaction(blob) == {"Sequence": 3, "_unrecognized": "C5DEADBEEF"}
        assert decoder.drift == {"type 12, field 5": 1}

    def test_a_type_of_unknown_length_deep_inside(self) -> None:
        decoder = Decoder()
        # AffectedNodes, ModifiedNode, FinalFields, Flags, then type 30 in two bytes
        blob = bytes.fromhex("201C00000001" + "F8E5E7" + "2200000000" + "051E" + "AAE1E1F1031000")
        assert decoder.metadata(blob) == {
            "TransactionIndex": 1,
            "AffectedNodes": [
                {
                    "ModifiedNode": {
                        "FinalFields": {"Flags": 0, "_unrecognized": "051EAAE1E1F1031000"}
                    }
                }
            ],
        }
        assert decoder.drift == {"type 30, field 5": 1}

    def test_a_new_type_with_a_length(self, definitions_json: dict[str, Any]) -> None:
        row = {"isSerialized": True, "isSigningField": True, "isVLEncoded": True, "nth": 1}
        extended = {
            **definitions_json,
            "TYPES": {**definitions_json["TYPES"], "Data": 30},
            "FIELDS": [*definitions_json["FIELDS"], ["NewData", {**row, "type": "Data"}]],
        }
        decoder = Decoder(Definitions.from_server(extended))
        assert decoder.transaction(bytes.fromhex("011E02ABCD" + "2400000003")) == {
            "NewData": "ABCD",
            "Sequence": 3,
        }
        assert decoder.drift == {"type Data": 1}

    def test_codes_without_a_name(self) -> None:
        decoder = Decoder()
        blob = bytes.fromhex("11FFFE" + "12FFFD" + "031033" + "2034FFFFFFFF")
        assert decoder.transaction(blob) == {
            "LedgerEntryType": 0xFFFE,
            "TransactionType": 0xFFFD,
            "TransactionResult": 51,
            "PermissionValue": 0xFFFFFFFF,
        }
        assert decoder.drift == {
            "LedgerEntryType 65534": 1,
            "TransactionType 65533": 1,
            "TransactionResult 51": 1,
            "PermissionValue 4294967295": 1,
        }


class TestBroken:
    """One clear error, whatever the bytes are."""

    @pytest.mark.parametrize(
        ("blob", "message"),
        [
            ("24000001", "transaction of 4 bytes: the bytes end too early, inside Sequence"),
            ("120000240000", "Sequence at byte 3: the bytes end too early"),
            ("2400000001E1E1", "it ends 2 bytes too early"),
            ("EA7D01AB", "the bytes end too early, inside Memo"),
            ("F1", "ArrayEndMarker at byte 0: an array ends where none began"),
            ("F924", "Sequence at byte 1: an array holds objects only"),
            ("7DFF", "MemoData at byte 0: 255 does not begin a length"),
            ("811500", "Account at byte 0: an account has 20 bytes, not 21"),
            (
                "031321AB",
                "Amendments at byte 0: a list of hashes has a multiple of 32 bytes, not 33",
            ),
            ("011200", "Paths at byte 0: a path without steps"),
            ("011202", "Paths at byte 0: a path step of the unknown kind 0x02"),
            ("0005", "in a byte of its own"),
            ("2005", "in a byte of its own"),
            ("EA" * 20, "objects are nested more than 10 deep"),
        ],
    )
    def test_message(self, blob: str, message: str) -> None:
        with pytest.raises(CodecError) as caught:
            Decoder().transaction(bytes.fromhex(blob))
        assert message in str(caught.value)

    @settings(max_examples=400, deadline=None)
    @given(st.binary(max_size=200))
    def test_random_bytes(self, blob: bytes) -> None:
        decodes_or_says_why(blob)

    @settings(max_examples=400, deadline=None)
    @given(st.data())
    def test_mutated_blobs(self, transactions: list[Printed], data: st.DataObject) -> None:
        each = data.draw(st.sampled_from(transactions))
        blob = bytearray(data.draw(st.sampled_from((each.tx_blob, each.meta_blob))))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(blob) - 1))
            blob[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        decodes_or_says_why(bytes(blob))

    def test_every_truncation(self, transactions: list[Printed]) -> None:
        for each in transactions:
            for blob in (each.tx_blob, each.meta_blob):
                for size in range(len(blob)):
                    decodes_or_says_why(blob[:size])

    @pytest.mark.parametrize("blob", ["", "201C", "201C000000", "031000"])
    def test_metadata_without_an_index(self, blob: str) -> None:
        with pytest.raises(CodecError, match="does not begin with its TransactionIndex"):
            transaction_index(bytes.fromhex(blob))


SERVER, RECORD = Decoder(), Decoder(shape="record")


def decodes_or_says_why(blob: bytes) -> None:
    """Both shapes decode, or both raise the same `CodecError`."""
    answers: list[str | None] = []
    for decoder in (SERVER, RECORD):
        try:
            json.dumps(decoder.transaction(blob))
            answers.append(None)
        except CodecError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
