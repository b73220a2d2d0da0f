"""Lists: who published them, when they hold, and what is wrong with others."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl.trust import (
    BadSignature,
    Malformed,
    NotProven,
    TrustError,
    ValidatorSet,
    read_validator_lists,
)

from .small_network import NOW, SmallNetwork, key


@pytest.mark.parametrize("version", [1, 2])
def test_a_list_names_validators_and_their_keys(network: SmallNetwork, version: int) -> None:
    read = network.list(version=version, effective=NOW)
    assert read.validators == tuple(each.master.public for each in network.validators)
    assert [each.signing_key for each in read.manifests] == [
        each.signing.public for each in network.validators
    ]
    assert (read.sequence, read.effective, read.expiration) == (1, NOW, NOW + 1_000_000)


def test_a_list_of_another_publisher_is_refused(network: SmallNetwork) -> None:
    document = network.document(publisher=key("another", ed25519=True))
    with pytest.raises(NotProven, match="not trusted"):
        read_validator_lists(document, network.trusted)


def test_a_list_that_says_it_is_of_the_trusted_publisher_needs_its_manifest(
    network: SmallNetwork,
) -> None:
    document = network.document(publisher=key("another", ed25519=True))
    document["public_key"] = network.publisher.public.hex()
    with pytest.raises(NotProven, match="manifest of another publisher"):
        read_validator_lists(document, network.trusted)


def test_a_list_that_another_key_signed_is_refused(network: SmallNetwork) -> None:
    with pytest.raises(BadSignature, match="not signed by its publisher"):
        read_validator_lists(network.document(signed_by=key("mallory")), network.trusted)


def test_a_list_that_was_tampered_with_is_refused(network: SmallNetwork) -> None:
    document = network.document()
    blob = json.loads(base64.b64decode(document["blob"]))
    blob["validators"].pop()
    document["blob"] = base64.b64encode(json.dumps(blob).encode()).decode()
    with pytest.raises(BadSignature, match="not signed by its publisher"):
        read_validator_lists(document, network.trusted)


def test_a_list_holds_between_its_times(network: SmallNetwork) -> None:
    read = network.list(effective=NOW, expiration=NOW + 100, version=2)
    with pytest.raises(NotProven, match="takes effect on 2026-"):
        read.check_time(NOW - 1)
    read.check_time(NOW)
    read.check_time(NOW + 99)
    with pytest.raises(NotProven, match=r"expired on 2026-.*newer one"):
        read.check_time(NOW + 100)


def test_a_validator_without_a_usable_manifest_still_counts_as_listed(
    network: SmallNetwork,
) -> None:
    content = {
        "sequence": 1,
        "expiration": NOW + 1,
        "validators": [
            {"validation_public_key": each.master.public.hex(), "manifest": "AAAA"}
            for each in network.validators
        ],
    }
    blob = json.dumps(content).encode()
    document = network.document()
    document["blob"] = base64.b64encode(blob).decode()
    document["signature"] = network.publisher_key.sign(blob).hex()
    (read,) = read_validator_lists(document)
    assert (len(read.validators), read.manifests, len(read.unusable)) == (5, (), 5)
    assert ValidatorSet.of_list(read).quorum == 4


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3},
        {"version": None},
        {"blob": "not base64!"},
        {"blob": 7},
        {"manifest": ""},
        {"manifest": None},
        {"signature": "xyz"},
        {"signature": []},
        {"public_key": "abc"},
        {"public_key": None},
        {"version": 2},
        {"version": 2, "blobs_v2": []},
        {"version": 2, "blobs_v2": [7]},
        {"version": 2, "blobs_v2": [{}] * 6},
    ],
)
def test_what_is_not_a_list_is_one_clear_error(
    network: SmallNetwork, change: dict[str, Any]
) -> None:
    with pytest.raises(TrustError):
        read_validator_lists({**network.document(), **change})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"sequence": 1, "expiration": 5, "validators": []}',
        b'{"sequence": 1, "expiration": -5, "validators": [{}]}',
        b'{"sequence": 1, "expiration": 1e9, "validators": [{"validation_public_key": 1}]}',
        b'{"sequence": true, "expiration": 9, "validators": [1]}',
        b'{"sequence": 1, "expiration": 4, "effective": 5, "validators": [{}]}',
    ],
)
def test_signed_nonsense_is_one_clear_error(network: SmallNetwork, content: bytes) -> None:
    document = network.document()
    document["blob"] = base64.b64encode(content).decode()
    document["signature"] = network.publisher_key.sign(content).hex()
    with pytest.raises(Malformed):
        read_validator_lists(document)


def test_a_validator_that_is_named_twice_is_refused(network: SmallNetwork) -> None:
    with pytest.raises(Malformed, match="twice"):
        network.list(validators=(*network.validators, network.validators[0]))


def test_published_lists(shared_data: Path) -> None:
    (old,) = read_validator_lists((shared_data / "trust" / "validator-list-v1.json").read_bytes())
    assert (old.sequence, len(old.validators), len(old.manifests)) == (2022051601, 35, 35)
    now, announced = read_validator_lists(
        (shared_data / "trust" / "validator-list-v2.json").read_bytes()
    )
    assert (now.sequence, announced.sequence) == (2, 3)
    assert now.expiration == announced.effective
