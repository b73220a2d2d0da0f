"""What a folder proves by itself, and what is missing where it does not."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from ekspiper.xrpl.attestation import (
    ARCHIVE_NAME,
    HEADERS_NAME,
    Evidence,
    FolderProofs,
    ProofArchive,
    SkipLists,
)
from ekspiper.xrpl.codec import Decoder, LedgerHeader
from ekspiper.xrpl.trust import (
    Manifest,
    NotProven,
    SignedLedger,
    Validation,
    ValidationTally,
    ValidatorSet,
    check_proof,
    read_validator_lists,
)
from ekspiper.xrpl.trustees import Publisher, Trustees

from ..trust.small_ledger import SmallLedger
from ..trust.small_network import SmallNetwork
from .small_folder import chain, write_folder


@pytest.fixture(scope="module")
def ledgers() -> list[SmallLedger]:
    return chain(100, 130)


@dataclass(frozen=True)
class Small:
    """A small network, its ledgers 100 to 130, and a folder for some of them."""

    network: SmallNetwork
    ledgers: list[SmallLedger]
    path: Path

    @property
    def trustees(self) -> Trustees:
        return Trustees((Publisher(self.network.publisher.public),))

    def write(self, ledgers: list[SmallLedger], signed: Iterable[int] = ()) -> Path:
        """Record ledgers, and keep the proofs of some."""
        return write_folder(self.path, self.network, ledgers, signed)

    def evidence(self) -> Evidence:
        return Evidence.of_folder(self.path, self.trustees)

    def proofs(self) -> FolderProofs:
        return FolderProofs(self.path, self.evidence(), self.trustees)


@pytest.fixture
def small(network: SmallNetwork, ledgers: list[SmallLedger], tmp_path: Path) -> Small:
    return Small(network, ledgers, tmp_path)


def test_ledgers_are_signed_through_the_next_that_is(small: Small) -> None:
    small.write(small.ledgers, (110, 120))
    evidence = small.evidence()
    assert [(first, last, each.ledger_index) for first, last, each in evidence.runs()] == [
        (100, 110, 110),
        (111, 120, 120),
    ]
    assert list(evidence.unsigned()) == list(range(121, 131))
    assert set(evidence.unsigned().values()) == {"the archive has no signed ledger after it"}
    assert evidence.faults == []


def test_another_publisher_signs_nothing(small: Small) -> None:
    folder = small.write(small.ledgers, (130,))
    other = Trustees((Publisher(small.network.stranger.master.public),))
    evidence = Evidence.of_folder(folder, other)
    assert len(evidence.unsigned()) == 31
    assert "not trusted" in evidence.faults[0]


def test_a_forged_ledger_with_a_consistent_chain_after_it_is_not_signed(small: Small) -> None:
    true = {each.index: each for each in small.ledgers}
    forged: list[SmallLedger] = small.ledgers[:16]
    for index in range(116, 131):
        forged.append(SmallLedger(index, parent=forged[-1].hash, payments=1))
    folder = small.write(forged)
    archive = ProofArchive(folder / ARCHIVE_NAME)
    for index in (110, 120, 130):
        archive.add(small.network.signed(true[index].header))
    evidence = small.evidence()
    assert list(evidence.unsigned()) == list(range(111, 131))
    assert any("ledger 120: its record hashes to" in fault for fault in evidence.faults)


def test_one_changed_header_ends_the_chain(small: Small) -> None:
    folder = small.write(small.ledgers, (130,))
    path = folder / "ledgers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[20] = lines[20].replace(b'"total_coins":"1', b'"total_coins":"2')
    path.write_bytes(b"".join(lines))
    evidence = small.evidence()
    assert min(evidence.signed) == 121
    assert "ledger 120: its record hashes to" in evidence.faults[0]


def test_headers_beside_the_records_lead_to_a_later_signed_ledger(small: Small) -> None:
    folder = small.write(small.ledgers[:10])
    ProofArchive(folder / ARCHIVE_NAME).add(small.network.signed(small.ledgers[-1].header))
    evidence = small.evidence()
    assert "the header of ledger 110 is missing" in evidence.unsigned()[100]
    between = b"".join(each.header.to_bytes() for each in small.ledgers[10:])
    (folder / HEADERS_NAME).write_bytes(between)
    assert small.evidence().unsigned() == {}


class TestSkipLists:
    def folder(self, small: Small) -> Path:
        """The first ledgers, and the state of the last one."""
        folder = small.write(small.ledgers[:10])
        archive = ProofArchive(folder / ARCHIVE_NAME)
        last = small.ledgers[-1]
        archive.add(small.network.signed(last.header))
        lists = SkipLists(last.header)
        lists.add(sorted(last.objects.items()))
        archive.add_state(last.header, lists.tree())
        return folder

    def test_they_prove_ledgers_without_headers_between(self, small: Small) -> None:
        evidence = Evidence.of_folder(self.folder(small), small.trustees)
        assert evidence.unsigned() == {}
        assert evidence.signed[105].state_of == 130

    def test_and_lead_a_portable_proof(self, small: Small) -> None:
        folder = self.folder(small)
        evidence = small.evidence()
        key = next(iter(small.ledgers[5].transactions))
        document = FolderProofs(folder, evidence, small.trustees).prove(key)
        (leaf,) = check_proof(
            document, small.network.trusted | {small.network.publisher.public: None}
        ).leaves
        assert (leaf.leaf.key, leaf.header.ledger_index) == (key, 105)

    def test_those_of_an_unproven_state_prove_nothing(self, small: Small) -> None:
        folder = small.write(small.ledgers[:10])
        archive = ProofArchive(folder / ARCHIVE_NAME)
        archive.add(small.network.signed(small.ledgers[-1].header))
        forged = SmallLedger(130, objects=dict(small.ledgers[-1].objects), payments=3)
        lists = SkipLists(forged.header)
        lists.add(sorted(forged.objects.items()))
        archive.add_state(forged.header, lists.tree())
        evidence = small.evidence()
        assert len(evidence.unsigned()) == 10
        assert "not that of a signed ledger" in evidence.faults[0]

    def test_nor_those_of_another_state_under_the_right_header(self, small: Small) -> None:
        folder = small.write(small.ledgers[:10])
        archive = ProofArchive(folder / ARCHIVE_NAME)
        last = small.ledgers[-1]
        archive.add(small.network.signed(last.header))
        false = SmallLedger(130, objects={**last.objects, bytes(32): b"\x11\x00\x61"})
        lists = SkipLists(false.header)
        lists.add(sorted(false.objects.items()))
        archive.add_state(last.header, lists.tree())
        evidence = small.evidence()
        assert len(evidence.unsigned()) == 10
        assert "the state of ledger 130 has another root" in evidence.faults[0]

    def test_a_state_that_is_not_whole_is_refused(self, small: Small) -> None:
        lists = SkipLists(small.ledgers[-1].header)
        lists.add(sorted(small.ledgers[-1].objects.items())[1:])
        with pytest.raises(NotProven, match="false state"):
            lists.tree()


class TestFolderProofs:
    def test_a_transaction(self, small: Small) -> None:
        small.write(small.ledgers, (120,))
        proofs = small.proofs()
        key = next(iter(small.ledgers[13].transactions))
        trusted = small.trustees.keys()
        assert check_proof(proofs.prove(key), trusted).leaves[0].header.ledger_index == 113
        with pytest.raises(NotProven, match="ledger 113 itself"):
            proofs.prove(key, format="xpop")
        with pytest.raises(NotProven, match="has no transaction"):
            proofs.prove(bytes(32))

    def test_an_xpop_of_a_signed_ledger(self, small: Small) -> None:
        small.write(small.ledgers, (113,))
        proofs = small.proofs()
        key = next(iter(small.ledgers[13].transactions))
        assert check_proof(proofs.prove(key, format="xpop"), small.trustees.keys()).format == "XPOP"

    def test_a_changed_record_is_not_proven(self, small: Small) -> None:
        folder = small.write(small.ledgers, (120,))
        path = folder / "transactions.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"value":"1000000"', b'"value":"9000000"'))
        proofs = small.proofs()
        with pytest.raises(NotProven):
            proofs.prove(next(iter(small.ledgers[13].transactions)))

    def test_a_record_that_cannot_be_encoded_is_not_proven(self, small: Small) -> None:
        folder = small.write(small.ledgers, (120,))
        path = folder / "transactions.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"Sequence":11300', b'"Sequence":"none"'))
        with pytest.raises(NotProven, match="a transaction of ledger 113 cannot be encoded"):
            small.proofs().prove(next(iter(small.ledgers[13].transactions)))

    def test_a_transaction_without_the_record_of_its_ledger(self, small: Small) -> None:
        folder = small.write(small.ledgers, (120,))
        path = folder / "ledgers.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'"ledger_index":113,' not in line))
        with pytest.raises(NotProven, match="is of ledger 113, which has no record"):
            small.proofs().prove(next(iter(small.ledgers[13].transactions)))

    def test_a_ledger_that_nothing_proves(self, small: Small) -> None:
        small.write(small.ledgers, (110,))
        with pytest.raises(NotProven, match="the archive has no signed ledger after it"):
            small.proofs().prove(next(iter(small.ledgers[13].transactions)))

    def test_a_ledger_after_a_gap_is_proven_by_none_beyond_it(self, small: Small) -> None:
        """Neither by the next ledger that is signed, nor by one still further away."""
        small.write([*small.ledgers[:15], *small.ledgers[16:]], (120, 130))
        with pytest.raises(NotProven, match="the header of ledger 115 is missing"):
            small.proofs().prove(next(iter(small.ledgers[13].transactions)))


class TestSnapshotProofs:
    def write(self, small: Small, left_out: int = 0) -> Path:
        """A snapshot of the last ledger, perhaps without some of its objects."""
        last = small.ledgers[-1]
        decoder = Decoder(shape="record")
        path = small.path / "objects.jsonl"
        with path.open("wb") as file:
            for index, data in sorted(last.objects.items())[left_out:]:
                record = {
                    **decoder.ledger_object(data),
                    "index": index.hex().upper(),
                    "ledger_index": last.index,
                    "ledger_hash": last.hash.hex().upper(),
                }
                file.write(orjson.dumps(record) + b"\n")
        return path

    def sign(self, small: Small) -> None:
        ProofArchive(small.path / ARCHIVE_NAME).add(small.network.signed(small.ledgers[-1].header))

    def test_an_object(self, small: Small) -> None:
        self.write(small)
        self.sign(small)
        last = small.ledgers[-1]
        proofs = small.proofs()
        key = sorted(last.objects)[4]
        (leaf,) = check_proof(proofs.prove(key), small.trustees.keys()).leaves
        assert (leaf.kind, leaf.leaf.data) == ("state", last.objects[key])
        with pytest.raises(NotProven, match="has no object"):
            proofs.prove(bytes(32))

    def test_one_of_a_few_types_proves_nothing(self, small: Small) -> None:
        self.write(small, left_out=1)
        self.sign(small)
        with pytest.raises(NotProven, match="not the whole state: take a snapshot without --type"):
            small.proofs().prove(sorted(small.ledgers[-1].objects)[4])

    def test_without_signatures(self, small: Small) -> None:
        self.write(small)
        with pytest.raises(NotProven, match="`ekspiper anchor --snapshot DIR` adds"):
            small.proofs().prove(sorted(small.ledgers[-1].objects)[4])

    def test_an_empty_one(self, small: Small) -> None:
        (small.path / "objects.jsonl").touch()
        with pytest.raises(NotProven, match="has no objects"):
            small.proofs().prove(sorted(small.ledgers[-1].objects)[4])

    @pytest.mark.parametrize(
        ("was", "now", "why"),
        [
            (b'"Balance":{"currency":"XRP"', b'"Balance":{"currency":7', "cannot be encoded"),
            (b'{"', b"{", "not JSON"),
        ],
        ids=["a value", "a line"],
    )
    def test_a_damaged_record(self, small: Small, was: bytes, now: bytes, why: str) -> None:
        path = self.write(small)
        self.sign(small)
        path.write_bytes(path.read_bytes().replace(was, now, 1))
        with pytest.raises(NotProven, match=why):
            small.proofs().prove(sorted(small.ledgers[-1].objects)[4])


def test_the_recorded_network(shared_data: Path, tmp_path: Path) -> None:
    """Every ledger is signed, those after the rotation and the stopped validator included."""
    folder = shared_data / "network"
    publisher = orjson.loads((folder / "stats.json").read_bytes())["publisher"]
    trustees = Trustees((Publisher(bytes.fromhex(publisher)),))
    (source,) = read_validator_lists((folder / "vl.json").read_bytes())
    tally = ValidationTally(ValidatorSet.of_list(source), ledgers=1000)
    manifests = []
    with gzip.open(folder / "stream_v2.jsonl.gz") as lines:
        for message in map(orjson.loads, lines):
            if message["type"] == "validationReceived":
                tally.add(Validation.from_hex(message["data"]))
            elif message["type"] == "manifestReceived":
                manifests.append(Manifest.from_bytes(bytes.fromhex(message["manifest"])))
                tally.add_manifest(manifests[-1])
    evidence = Evidence()
    archive = ProofArchive(tmp_path / ARCHIVE_NAME)
    with gzip.open(folder / "ledger_v2_binary.jsonl.gz") as lines:
        for line in lines:
            result = orjson.loads(line)["response"]["result"]
            data = bytes.fromhex(result["ledger"]["ledger_data"])
            header = LedgerHeader.from_bytes(data)
            evidence.recorded[header.ledger_index] = data
            if header.ledger_index in (256, 512, 540):
                validations = tally.validations(header.ledger_index, header.ledger_hash)
                archive.add(SignedLedger(header, tuple(validations), source, tuple(manifests)))
    (tmp_path / "headers.bin").write_bytes(b"".join(evidence.recorded.values()))
    found = Evidence.of_folder(tmp_path, trustees)
    assert sorted(found.signed) == list(range(4, 541))
    assert {len(each.verdict.signers) for each in found.signed.values()} == {4, 5}
    assert found.faults == []
