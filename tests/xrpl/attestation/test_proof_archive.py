"""The archive: what was proven once can be shown later, whatever happened in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ekspiper.core import ConfigError, Retryable
from ekspiper.xrpl.attestation import ProofArchive, read_archive
from ekspiper.xrpl.trust import NotProven, SignedLedger, SkipList, TrustError, root_hash

from ..trust.small_ledger import chained
from ..trust.small_network import SmallNetwork

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "proofs.jsonl"


def proofs(path: Path) -> list[SignedLedger]:
    return [each for each in read_archive(path) if isinstance(each, SignedLedger)]


def test_what_is_added_is_read_and_proves_the_same(network: SmallNetwork, path: Path) -> None:
    archive = ProofArchive(path)
    for index in (256, 512, 768):
        archive.add(network.signed(network.header(index)))
    found = proofs(path)
    assert [each.ledger_index for each in found] == [256, 512, 768]
    assert all(each.verdict(network.trusted).signed for each in found)
    assert archive.newest == 768


def test_a_list_stands_in_it_once(network: SmallNetwork, path: Path) -> None:
    ProofArchive(path).add(network.signed(network.header(256)))
    ProofArchive(path).add(network.signed(network.header(512)))
    assert [b'"list"' in line[:20] for line in path.read_bytes().splitlines()].count(True) == 1
    assert len(proofs(path)) == 2


def test_a_rotated_key_is_kept(network: SmallNetwork, path: Path) -> None:
    new = network.validators[4].rotated()
    header = network.header(256)
    plain = network.signed(header, by=4)
    validations = (*plain.validations[:3], new.validation(256, header.ledger_hash))
    ProofArchive(path).add(
        SignedLedger(header, validations, plain.validator_list, (new.manifest(),))
    )
    (found,) = proofs(path)
    assert len(found.verdict(network.trusted).signers) == 4
    assert (
        not SignedLedger(header, validations, plain.validator_list).verdict(network.trusted).signed
    )


def test_validators_without_a_list(network: SmallNetwork, path: Path) -> None:
    plain = network.signed(network.header(256))
    masters = tuple(each.master.public for each in network.validators)
    manifests = tuple(each.manifest() for each in network.validators)
    ProofArchive(path).add(
        SignedLedger(plain.header, plain.validations, manifests=manifests, validators=masters)
    )
    (found,) = proofs(path)
    assert found.verdict(set(masters)).signed


def test_the_skip_lists_of_a_state(network: SmallNetwork, path: Path) -> None:
    _, later = chained(network)
    ProofArchive(path).add_state(later.header, later.state_tree(SkipList.short_index()))
    ((header, tree),) = [each for each in read_archive(path) if isinstance(each, tuple)]
    assert root_hash(tree, "state") == header.account_hash


@pytest.mark.parametrize("cut", [1, 10, 1000])
def test_a_line_that_was_cut_off_is_removed(network: SmallNetwork, path: Path, cut: int) -> None:
    archive = ProofArchive(path)
    archive.add(network.signed(network.header(256)))
    size = path.stat().st_size
    archive.add(network.signed(network.header(512)))
    os.truncate(path, path.stat().st_size - cut)
    assert len(proofs(path)) == 1, "a reader leaves it out"
    ProofArchive(path)
    assert path.stat().st_size == size
    ProofArchive(path).add(network.signed(network.header(768)))
    assert [each.ledger_index for each in proofs(path)] == [256, 768]


def test_a_changed_line_is_named(network: SmallNetwork, path: Path) -> None:
    archive = ProofArchive(path)
    archive.add(network.signed(network.header(256)))
    archive.add(network.signed(network.header(512)))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"header":"', b'"header":"!')
    path.write_bytes(b"".join(lines))
    with pytest.raises(TrustError, match="line 2"):
        proofs(path)
    faults: list[str] = []
    found = list(read_archive(path, faults=faults.append))
    assert (len(found), len(faults)) == (1, 1)


def test_another_list_under_the_same_id_is_refused(network: SmallNetwork, path: Path) -> None:
    ProofArchive(path).add(network.signed(network.header(256)))
    lines = path.read_bytes().splitlines(keepends=True)
    other = path.with_name("other.jsonl")
    wider = SignedLedger(
        network.header(256),
        network.signed(network.header(256)).validations,
        network.list(sequence=2),
    )
    ProofArchive(other).add(wider)
    name = lines[0].split(b'"id":"')[1][:16]
    changed = other.read_bytes().splitlines(keepends=True)[0]
    changed = changed.replace(changed.split(b'"id":"')[1][:16], name)
    path.write_bytes(changed + lines[1])
    with pytest.raises(TrustError, match="another id"):
        proofs(path)


def test_a_file_that_is_no_archive_is_left_alone(path: Path) -> None:
    path.write_text("hello\n")
    with pytest.raises(ConfigError, match="not an archive"):
        ProofArchive(path)
    assert path.read_text() == "hello\n"


def test_a_proof_by_too_few_is_read_and_does_not_prove(network: SmallNetwork, path: Path) -> None:
    ProofArchive(path).add(network.signed(network.header(256), by=3))
    (found,) = proofs(path)
    with pytest.raises(NotProven, match="3 of 5"):
        found.verdict(network.trusted).require()


def test_a_full_disk_leaves_whole_lines(
    network: SmallNetwork, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = ProofArchive(path)
    archive.add(network.signed(network.header(256)))
    before = path.read_bytes()
    write = os.write

    def half(handle: int, data: memoryview) -> int:
        write(handle, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        with pytest.raises(Retryable, match=r"cannot write to .*: No space left on device"):
            archive.add(network.signed(network.header(512)))
    assert path.read_bytes() == before
    archive.add(network.signed(network.header(768)))
    assert [each.ledger_index for each in proofs(path)] == [256, 768]


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from importlib import import_module
network = import_module("tests.xrpl.trust.small_network").SmallNetwork()
from ekspiper.xrpl.attestation import ProofArchive
archive = ProofArchive(Path(sys.argv[2]))
index = archive.newest
while True:
    index += 256
    archive.add(network.signed(network.header(index)))
    print(index, flush=True)
"""


def test_kill_9_leaves_every_proof_that_was_added(network: SmallNetwork, path: Path) -> None:
    said = 0
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(ROOT), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(5):
                said = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
    ProofArchive(path)
    found = [each.ledger_index for each in proofs(path)]
    assert found[:15] == list(range(256, 256 * 16, 256))
    assert found[-1] >= said
