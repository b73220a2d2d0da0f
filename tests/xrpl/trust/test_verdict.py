"""By whom a ledger is signed, and which validations do not count."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from ekspiper.xrpl.trust import (
    BadSignature,
    Malformed,
    Manifest,
    NotProven,
    SignedLedger,
    TrustError,
    Validation,
    ValidationTally,
    ValidatorSet,
    quorum_of,
    read_validator_lists,
)

from .small_network import FULL, FULLY_CANONICAL, NOW, SmallNetwork, Validator, key

HASH, OTHER = b"\x01" * 32, b"\x02" * 32


def votes(
    network: SmallNetwork, count: int, hash: bytes = HASH, index: int = 7
) -> list[Validation]:
    return [each.validation(index, hash) for each in network.validators[:count]]


def judged(network: SmallNetwork, validations: list[Validation]) -> tuple[int, dict[str, int]]:
    verdict = network.set().judge(validations, ledger_index=7, ledger_hash=HASH)
    return len(verdict.signers), verdict.refused


@pytest.mark.parametrize(("validators", "quorum"), [(1, 1), (4, 4), (5, 4), (6, 5), (35, 28)])
def test_a_quorum_is_80_percent_rounded_up(validators: int, quorum: int) -> None:
    assert quorum_of(validators) == quorum


def test_nobody_is_no_quorum() -> None:
    verdict = ValidatorSet((), source="nobody").judge([], ledger_index=7, ledger_hash=HASH)
    assert not verdict.signed


def test_four_of_five_suffice_and_three_do_not(network: SmallNetwork) -> None:
    judge = network.set().judge
    assert judge(votes(network, 4), ledger_index=7, ledger_hash=HASH).signed
    short = judge(votes(network, 3), ledger_index=7, ledger_hash=HASH)
    assert not short.signed
    with pytest.raises(NotProven, match=r"signed by 3 of 5 validators .* fewer than 4"):
        short.require()


def test_a_validation_that_is_not_on_the_list_does_not_count(network: SmallNetwork) -> None:
    stranger = network.stranger.validation(7, HASH)
    assert judged(network, [*votes(network, 3), stranger]) == (
        3,
        {"by keys that are not trusted": 1},
    )


def test_a_doubled_validation_counts_once(network: SmallNetwork) -> None:
    again = network.validators[0].validation(7, HASH, at=NOW + 1)
    assert judged(network, [*votes(network, 3), again]) == (3, {"doubled": 1})


def test_validations_of_other_ledgers_do_not_count(network: SmallNetwork) -> None:
    others = [network.validators[3].validation(7, OTHER), network.validators[4].validation(8, HASH)]
    assert judged(network, [*votes(network, 3), *others]) == (3, {"of another ledger": 2})


def test_only_full_validations_count(network: SmallNetwork) -> None:
    partial = network.validators[3].validation(7, HASH, flags=FULLY_CANONICAL)
    assert judged(network, [*votes(network, 3), partial]) == (3, {"not full": 1})


@pytest.mark.parametrize("flags", [FULL, FULL | FULLY_CANONICAL])
def test_high_s_does_not_count(network: SmallNetwork, flags: int) -> None:
    high = network.validators[3].validation(7, HASH, flags=flags, high=True)
    with pytest.raises(BadSignature):
        high.check()
    assert judged(network, [*votes(network, 3), high]) == (3, {"with a wrong signature": 1})


def test_a_key_of_ed25519_does_not_sign_validations(network: SmallNetwork) -> None:
    template = network.validators[0].validation(7, HASH)
    master = key("a master", ed25519=True)
    body = template.message[4:].replace(template.signing_key, master.public)
    signed = body + b"\x76\x40" + master.sign(b"VAL\0" + body)
    with pytest.raises(BadSignature):
        Validation.from_bytes(signed).check()


def test_every_flipped_bit_of_a_validation_is_refused(network: SmallNetwork) -> None:
    good, trusted = network.validators[3].validation(7, HASH), network.set()
    for bit in range(len(good.data) * 8):
        flipped = bytearray(good.data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            validation = Validation.from_bytes(bytes(flipped))
        except Malformed:
            continue
        assert not trusted.judge([validation], ledger_index=7, ledger_hash=HASH).signers


def test_a_rotated_validator_does_not_count_with_its_old_key(network: SmallNetwork) -> None:
    validators = network.set()
    old, new = network.validators[3], network.validators[3].rotated()
    validators.keys.add(new.manifest())
    with_old = validators.judge(votes(network, 4), ledger_index=7, ledger_hash=HASH)
    assert not with_old.signed
    assert with_old.refused == {"by keys that are not trusted": 1}
    renewed = [*votes(network, 3), new.validation(7, HASH), old.validation(7, HASH)]
    assert validators.judge(renewed, ledger_index=7, ledger_hash=HASH).signed


class TestSignedLedger:
    def test_it_is_judged_by_the_list_that_held_when_it_closed(self, network: SmallNetwork) -> None:
        header = network.header()
        validations = network.signed(header).validations
        long_expired = network.list(expiration=NOW + 5)
        assert SignedLedger(header, validations, long_expired).verdict(network.trusted).signed
        expired_then = network.list(expiration=NOW)
        with pytest.raises(NotProven, match="expired on"):
            SignedLedger(header, validations, expired_then).verdict(network.trusted)
        not_yet = network.list(effective=NOW + 1)
        with pytest.raises(NotProven, match="takes effect"):
            SignedLedger(header, validations, not_yet).verdict(network.trusted)

    def test_the_publisher_must_be_trusted(self, network: SmallNetwork) -> None:
        with pytest.raises(NotProven, match="not trusted"):
            network.signed().verdict({key("another").public: None})

    def test_a_changed_header_has_no_signatures(self, network: SmallNetwork) -> None:
        signed = network.signed()
        forged = network.header(account_hash=b"\x08" * 32)
        verdict = SignedLedger(forged, signed.validations, signed.validator_list).verdict(
            network.trusted
        )
        assert (len(verdict.signers), verdict.refused) == (0, {"of another ledger": 5})

    def test_validations_of_another_time_do_not_count(self, network: SmallNetwork) -> None:
        header = network.header()
        late = tuple(
            each.validation(header.ledger_index, header.ledger_hash, at=NOW + 10_000)
            for each in network.validators
        )
        verdict = SignedLedger(header, late, network.list()).verdict(network.trusted)
        assert (verdict.signed, verdict.refused) == (False, {"of another time": 5})

    def test_validators_can_be_trusted_without_a_list(self, network: SmallNetwork) -> None:
        signed = network.signed()
        masters = tuple(each.master.public for each in network.validators)
        given = SignedLedger(
            signed.header,
            signed.validations,
            manifests=tuple(each.manifest() for each in network.validators),
            validators=masters,
        )
        assert given.verdict(set(masters)).signed
        with pytest.raises(NotProven, match="not trusted"):
            given.verdict(set(masters[1:]))
        with pytest.raises(NotProven, match="nobody"):
            SignedLedger(signed.header, signed.validations).verdict(set(masters))


class TestTally:
    def test_the_validation_that_completes_a_quorum_brings_the_verdict(
        self, network: SmallNetwork
    ) -> None:
        tally = ValidationTally(network.set())
        brought = [tally.add(each).verdict for each in votes(network, 5)]
        assert [verdict is not None for verdict in brought] == [False, False, False, True, False]
        assert tally.signed_hash(7) == HASH
        assert len(tally.validations(7, HASH)) == 5
        assert set(tally.last_seen.values()) == {7}

    def test_a_fork_with_three_of_five_is_never_signed(self, network: SmallNetwork) -> None:
        tally = ValidationTally(network.set())
        for each in network.validators[:3]:
            assert tally.add(each.validation(7, OTHER)).verdict is None
        for each in network.validators[3:]:
            assert tally.add(each.validation(7, HASH)).verdict is None
        assert tally.signed_hash(7) is None
        assert tally.candidates(7) == {OTHER: 3, HASH: 2}

    @pytest.mark.parametrize("again", [1, 1000])
    def test_a_doubled_validation_counts_once(self, network: SmallNetwork, again: int) -> None:
        tally = ValidationTally(network.set())
        for _ in range(again):
            for each in votes(network, 3):
                assert tally.add(each).verdict is None
        assert tally.add(network.validators[3].validation(7, HASH)).verdict is not None

    def test_a_new_key_counts_from_its_manifest_on(self, network: SmallNetwork) -> None:
        tally = ValidationTally(network.set())
        new = network.validators[3].rotated()
        for each in votes(network, 3):
            tally.add(each)
        assert tally.add(new.validation(7, HASH)).verdict is None
        (counted,) = tally.add_manifest(new.manifest())
        assert counted.verdict is not None
        old = network.validators[3].validation(8, HASH)
        assert tally.add(old).master is None
        assert tally.add_manifest(new.manifest()) == []

    def test_a_flood_leaves_memory_bounded_and_the_quorum_standing(
        self, network: SmallNetwork
    ) -> None:
        tally = ValidationTally(network.set(), ledgers=16)
        for each in votes(network, 3):
            tally.add(each)
        liar = network.validators[4]
        for number in range(200):
            tally.add(liar.validation(1_000_000 + number, OTHER))
            tally.add(liar.validation(7, number.to_bytes(32)))
            tally.add(Validator(f"stranger {number % 20}").validation(7, HASH))
        held = sum(len(tally.candidates(index)) for index in range(1_000_300)[7:8])
        assert held <= 3
        assert sum(len(tally.candidates(1_000_000 + number)) for number in range(200)) <= 16
        assert tally.add(network.validators[3].validation(7, HASH)).verdict is not None

    def test_another_list_is_counted_anew(self, network: SmallNetwork) -> None:
        tally = ValidationTally(network.set(validators=(*network.validators[:3], network.stranger)))
        for each in votes(network, 5):
            assert tally.add(each).verdict is None
        (verdict,) = tally.adopt(network.set(sequence=2))
        assert (verdict.ledger_index, verdict.signed) == (7, True)
        assert verdict.source.startswith("list 2 of")


@pytest.fixture(scope="session")
def stream(shared_data: Path) -> Callable[[], list[dict[str, object]]]:
    """The validations and manifests of the recorded private network."""

    def read() -> list[dict[str, object]]:
        with gzip.open(shared_data / "network" / "stream_v2.jsonl.gz") as lines:
            return [orjson.loads(line) for line in lines]

    return read


def test_every_ledger_of_the_recorded_network_is_signed(
    shared_data: Path, stream: Callable[[], list[dict[str, object]]]
) -> None:
    (read,) = read_validator_lists((shared_data / "network" / "vl.json").read_bytes())
    tally = ValidationTally(ValidatorSet.of_list(read))
    signed: dict[int, bytes] = {}
    closed: dict[int, str] = {}
    for message in stream():
        if message["type"] == "validationReceived":
            verdict = tally.add(Validation.from_hex(message["data"])).verdict
            if verdict is not None:
                signed[verdict.ledger_index] = verdict.ledger_hash
        elif message["type"] == "manifestReceived":
            manifest = Manifest.from_bytes(bytes.fromhex(str(message["manifest"])))
            assert manifest.sequence == 2
            tally.add_manifest(manifest)
        else:
            closed[int(str(message["ledger_index"]))] = str(message["ledger_hash"])
    assert {index: hash.hex().upper() for index, hash in signed.items() if index in closed} == {
        index: hash for index, hash in closed.items() if index in signed
    }
    assert set(range(5, 541)) <= set(signed)


def test_malformed_validations_are_one_clear_error() -> None:
    for text in (None, 7, "", "zz", "22", "FF" * 100, "00" * 5000):
        with pytest.raises(TrustError):
            Validation.from_hex(text)
