"""Portable proofs: ours and those of others, and everything that can be changed in them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.trust import (
    BadSignature,
    Leaf,
    Malformed,
    NotProven,
    SignedLedger,
    SkipList,
    TrustError,
    check_proof,
    key_text,
    prune,
    read_key,
    read_tree_leaves,
    root_hash,
    split_transaction,
    write_xpop,
    write_xprv,
)

from .small_ledger import SmallLedger, chained
from .small_network import SmallNetwork

MAINNET = {read_key("ED2677ABFFD1B33AC6FBC3062B71F1E8397C1505E1C42C64D11AD1B28FF73F4734"): 0}
TESTNET = {read_key("ED264807102805220DA0F312E71FC2C69E1552C9C5790F6C25E3729DEB573D5860"): 1}


@pytest.fixture(scope="module")
def ledger() -> SmallLedger:
    return SmallLedger(1000)


@pytest.fixture(scope="module")
def xprv(network: SmallNetwork) -> bytes:
    """A proof of a transaction of an earlier ledger, by the short list of a signed one."""
    old, later = chained(network)
    steps = [
        later.header,
        ("state", later.state_tree(SkipList.short_index())),
        old.header,
        ("tx", old.transaction_tree(next(iter(old.transactions)))),
    ]
    return write_xprv(network.signed(later.header), steps, network_id=1021)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def xpop(network: SmallNetwork, ledger: SmallLedger) -> bytes:
    key = sorted(ledger.transactions)[7]
    return write_xpop(
        network.signed(ledger.header), ledger.transaction_tree(key), ledger.transaction_leaf(key)
    )


def refused_flips(document: bytes, trusted: dict[bytes, int | None], count: int) -> list[bytes]:
    """The changed documents that were accepted, of so many with one random bit changed."""
    dice = random.Random(12)
    accepted = []
    for _ in range(count):
        changed = bytearray(document)
        place = dice.randrange(len(changed) * 8)
        changed[place // 8] ^= 1 << place % 8
        try:
            check_proof(bytes(changed), trusted)
        except TrustError:
            continue
        accepted.append(bytes(changed[max(0, place // 8 - 80) : place // 8 + 10]))
    return accepted


class TestPrunedTree:
    @pytest.mark.parametrize("place", range(20))
    def test_a_pruned_tree_has_the_root_of_the_whole(self, ledger: SmallLedger, place: int) -> None:
        key = sorted(ledger.transactions)[place]
        tree = ledger.transaction_tree(key)
        assert root_hash(tree, "tx") == ledger.header.transaction_hash
        (leaf,) = read_tree_leaves(tree)
        assert split_transaction(leaf.data) == ledger.transactions[key]

    def test_a_tree_of_one_leaf(self) -> None:
        ledger = SmallLedger(1000, payments=1)
        (key,) = ledger.transactions
        assert root_hash(ledger.transaction_tree(key), "tx") == ledger.header.transaction_hash

    def test_keys_that_share_their_first_digits(self) -> None:
        keys = [bytes.fromhex("ab" * 31 + f"{number:02x}") for number in range(20)]
        leaves = [Leaf(key, b"data") for key in keys]
        hashes = [(leaf.key, leaf.hash("state")) for leaf in leaves]
        roots = {root_hash(prune(hashes, leaf), "state") for leaf in leaves}
        assert len(roots) == 1

    def test_a_leaf_that_is_not_there(self, ledger: SmallLedger) -> None:
        with pytest.raises(Malformed, match="no leaf"):
            prune([], Leaf(bytes(32), b""))

    def test_a_leaf_in_the_wrong_place_is_refused(self) -> None:
        with pytest.raises(Malformed, match="hangs at"):
            root_hash({3: Leaf(b"\x40" + bytes(31), b"")}, "state")


class TestXprv:
    def test_our_own_proof_is_accepted(self, network: SmallNetwork, xprv: bytes) -> None:
        proof = check_proof(xprv, network.trusted)
        assert str(proof).startswith("Transaction ")
        assert "is in ledger 900 (2026-" in str(proof)
        assert "Ledger 906 is signed by 5 of 5 validators of list 1 of n" in str(proof)

    def test_an_object_of_a_signed_state(self, network: SmallNetwork, ledger: SmallLedger) -> None:
        key = sorted(ledger.objects)[3]
        document = write_xprv(
            network.signed(ledger.header),
            [ledger.header, ("state", ledger.state_tree(key))],
            network_id=1021,
        )
        proof = check_proof(document, network.trusted)
        assert [str(each).split(" is in ")[0] for each in proof.leaves] == [
            f"Object {key.hex().upper()}"
        ]

    def test_parents_lead_to_an_earlier_ledger(self, network: SmallNetwork) -> None:
        old = SmallLedger(999)
        new = SmallLedger(1000, parent=old.hash)
        key = sorted(old.transactions)[0]
        document = write_xprv(
            network.signed(new.header),
            [new.header, old.header, ("tx", old.transaction_tree(key))],
            network_id=1021,
        )
        (leaf,) = check_proof(document, network.trusted).leaves
        assert leaf.header.ledger_index == 999

    def test_too_few_signatures(self, network: SmallNetwork, ledger: SmallLedger) -> None:
        with pytest.raises(NotProven, match="3 of 5"):
            write_xprv(network.signed(ledger.header, by=3), [ledger.header], network_id=1021)

    def test_a_skip_list_of_an_unproven_state_leads_nowhere(self, network: SmallNetwork) -> None:
        old, later = chained(network)
        forged = SmallLedger(906, objects=dict(later.objects), payments=3)
        document = write_xprv(
            network.signed(SmallLedger(906).header),
            [
                SmallLedger(906).header,
                ("state", forged.state_tree(SkipList.short_index())),
                old.header,
                ("tx", old.transaction_tree(next(iter(old.transactions)))),
            ],
            network_id=1021,
        )
        with pytest.raises(NotProven, match="step 3: its tree is not that of a ledger before it"):
            check_proof(document, network.trusted)

    def test_a_header_that_nothing_proves(self, network: SmallNetwork) -> None:
        new = SmallLedger(1000)
        document = write_xprv(
            network.signed(new.header),
            [new.header, SmallLedger(999, payments=4).header],
            network_id=1021,
        )
        with pytest.raises(NotProven, match="nothing before it proves ledger 999"):
            check_proof(document, network.trusted)

    @pytest.mark.parametrize(
        "change",
        [
            lambda held: held.update(format_version=5),
            lambda held: held.update(network_id=0),
            lambda held: held.update(network_id=True),
            lambda held: held.update(steps={}),
            lambda held: held.update(steps=held["steps"][:1]),
            lambda held: held.update(more=1),
            lambda held: held["steps"].insert(0, held["steps"][1]),
            lambda held: held["steps"].pop(1),
            lambda held: held["steps"].append({"type": "other"}),
            lambda held: held["steps"].append(7),
            lambda held: held["steps"][0].update(ledger_index=905),
            lambda held: held["steps"][0].update(summary={"total_validations": 6}),
            lambda held: held["steps"][0]["validations"].clear(),
            lambda held: [held["steps"][0]["validations"].popitem() for _ in range(2)],
            lambda held: held["steps"][0]["unl"].update(public_key="ED" + "00" * 32),
            lambda held: held["steps"][1]["header"].update(total_coins="0100000000000000000"),
            lambda held: held["steps"][1]["header"].update(close_flags=256),
            lambda held: held["steps"][4].update(trie="00" * 32),
            lambda held: held["steps"][4].update(trie=[1, 2, 3]),
            lambda held: held["steps"][4]["trie"].update(__depth__=1),
            lambda held: held["steps"][4]["trie"].update(a="00" * 32),
        ],
    )
    def test_what_does_not_belong_there_is_refused(
        self, network: SmallNetwork, xprv: bytes, change: Callable[[dict[str, Any]], object]
    ) -> None:
        held = json.loads(xprv)
        change(held)
        with pytest.raises(TrustError):
            check_proof(json.dumps(held).encode(), network.trusted)

    def test_flipped_bits_are_refused(self, network: SmallNetwork, xprv: bytes) -> None:
        assert refused_flips(xprv, network.trusted, 300) == []

    def test_the_proof_of_mainnet(self, shared_data: Path) -> None:
        path = shared_data / "trust" / "mainnet-103062326-to-103053705.json"
        proof = check_proof(path.read_bytes(), MAINNET)
        assert (len(proof.verdict.signers), proof.verdict.trusted) == (32, 35)
        (leaf,) = proof.leaves
        assert leaf.header.ledger_index == 103_053_705
        with pytest.raises(NotProven, match="not trusted"):
            check_proof(path.read_bytes(), TESTNET)

    def test_flips_in_the_proof_of_mainnet(self, shared_data: Path) -> None:
        path = shared_data / "trust" / "mainnet-103062326-to-103053705.json"
        assert refused_flips(path.read_bytes(), MAINNET, 200) == []


class TestXpop:
    def test_our_own_proof_is_accepted(self, network: SmallNetwork, xpop: bytes) -> None:
        proof = check_proof(xpop, network.trusted)
        assert (proof.format, len(proof.verdict.signers)) == ("XPOP", 5)

    def test_an_import_is_read_as_the_proof_in_it(self, network: SmallNetwork, xpop: bytes) -> None:
        outer = json.dumps({"TransactionType": "Import", "Blob": xpop.hex().upper()}).encode()
        assert check_proof(outer, network.trusted).format == "XPOP"

    def test_the_form_of_lists(self, network: SmallNetwork, xpop: bytes) -> None:
        def as_list(node: dict[str, Any]) -> Any:
            children = node["children"]
            if not children:
                return node["hash"]
            return [
                as_list(children[digit]) if digit in children else "00" * 32
                for digit in "0123456789ABCDEF"
            ]

        held = json.loads(xpop)
        held["transaction"]["proof"] = as_list(held["transaction"]["proof"])
        assert check_proof(json.dumps(held).encode(), network.trusted).format == "XPOP"

    def test_a_transaction_that_is_not_in_the_tree(
        self, network: SmallNetwork, ledger: SmallLedger, xpop: bytes
    ) -> None:
        other = ledger.transactions[sorted(ledger.transactions)[1]]
        held = json.loads(xpop)
        held["transaction"]["blob"] = other[0].hex().upper()
        with pytest.raises(NotProven, match="not in its proof"):
            check_proof(json.dumps(held).encode(), network.trusted)

    def test_a_validation_under_another_key(self, network: SmallNetwork, xpop: bytes) -> None:
        held = json.loads(xpop)
        data = held["validation"]["data"]
        first, second = list(data)[:2]
        data[first], data[second] = data[second], data[first]
        with pytest.raises(BadSignature, match="is signed by"):
            check_proof(json.dumps(held).encode(), network.trusted)

    def test_a_transaction_of_another_ledger_with_its_own_tree(
        self, network: SmallNetwork, xpop: bytes
    ) -> None:
        other = SmallLedger(1001)
        key = sorted(other.transactions)[0]
        theirs = json.loads(
            write_xpop(
                network.signed(other.header),
                other.transaction_tree(key),
                other.transaction_leaf(key),
            )
        )
        held = {**json.loads(xpop), "transaction": theirs["transaction"]}
        with pytest.raises(NotProven, match="does not lead to txroot"):
            check_proof(json.dumps(held).encode(), network.trusted)

    def test_validations_of_strangers_are_ignored_when_they_are_genuine(
        self, network: SmallNetwork, ledger: SmallLedger, xpop: bytes
    ) -> None:
        held = json.loads(xpop)
        stranger = network.stranger.validation(1000, ledger.hash)
        name = key_text(stranger.signing_key)
        held["validation"]["data"][name] = stranger.data.hex().upper()
        proof = check_proof(json.dumps(held).encode(), network.trusted)
        assert len(proof.verdict.signers) == 5
        false = network.stranger.validation(1000, ledger.hash, high=True)
        held["validation"]["data"][name] = false.data.hex().upper()
        with pytest.raises(BadSignature, match="is not signed by"):
            check_proof(json.dumps(held).encode(), network.trusted)

    def test_too_few_signatures(self, network: SmallNetwork, xpop: bytes) -> None:
        held = json.loads(xpop)
        for name in list(held["validation"]["data"])[:2]:
            del held["validation"]["data"][name]
        with pytest.raises(NotProven, match="3 of 5"):
            check_proof(json.dumps(held).encode(), network.trusted)

    def test_flipped_bits_are_refused(self, network: SmallNetwork, xpop: bytes) -> None:
        # The key beside the hash of a node that is cut away is part of no hash.
        accepted = refused_flips(xpop, network.trusted, 300)
        assert [each for each in accepted if b'"key":"' not in each] == []

    def test_the_proof_of_the_test_network(self, shared_data: Path) -> None:
        document = (shared_data / "trust" / "xpop-testnet-39419653.json").read_bytes()
        proof = check_proof(document, TESTNET)
        assert (len(proof.verdict.signers), proof.verdict.trusted) == (6, 6)


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b'{"a":1,"a":2}', b"[" * 200_000, b"\xff"])
def test_what_is_not_a_proof_is_one_clear_error(network: SmallNetwork, document: bytes) -> None:
    with pytest.raises(Malformed):
        check_proof(document, network.trusted)


def test_a_rotated_key_has_no_place_in_a_portable_proof(
    network: SmallNetwork, ledger: SmallLedger
) -> None:
    new = network.validators[4].rotated()
    plain = network.signed(ledger.header)
    validations = (*plain.validations[:4], new.validation(1000, ledger.hash))
    rotated = SignedLedger(ledger.header, validations, plain.validator_list, (new.manifest(),))
    assert len(rotated.verdict(network.trusted).signers) == 5
    document = write_xprv(rotated, [ledger.header], network_id=1021)
    assert len(check_proof(document, network.trusted).verdict.signers) == 4
