"""Keys and manifests: who signs for whom."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ekspiper.xrpl.trust import (
    BadSignature,
    KeyBook,
    KeyConflict,
    Malformed,
    Manifest,
    is_signed_by,
    key_text,
    keys,
    read_key,
)
from ekspiper.xrpl.trust.manifest import REVOKED

from .small_network import ORDER, SmallNetwork, Validator, high_s, key, manifest_bytes, variable

BOTH = all(find_spec(name) for name in ("coincurve", "cryptography"))
RIPPLE = "ED2677ABFFD1B33AC6FBC3062B71F1E8397C1505E1C42C64D11AD1B28FF73F4734"


def test_a_key_is_read_from_hex_and_from_base58() -> None:
    text = "nHBe4vqSAzjpPRLKwSFzRFtmvzXaf5wPPmuVrQCAoJoS1zskgDA4"
    assert read_key(RIPPLE) == read_key(RIPPLE.lower()) == read_key(text)
    assert key_text(read_key(RIPPLE)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n",
        "x" * 66,
        "FF" + RIPPLE[2:],
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        "nHBe4vqSAzjpPRLKwSFzRFtmvzXaf5wPPmuVrQCAoJoS1zskgDA5",
        "n" * 10_000,
    ],
)
def test_text_that_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="public key"):
        read_key(text)


@pytest.fixture(params=["coincurve", "cryptography"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each of the two that verify secp256k1, the other one hidden."""
    pytest.importorskip(request.param)
    if request.param == "cryptography":
        monkeypatch.setitem(sys.modules, "coincurve", None)
    keys._check.cache_clear()
    yield request.param
    keys._check.cache_clear()


def test_a_signature_counts_with_low_s_only(library: str) -> None:
    owner = key("owner")
    for message in (bytes((number,)) for number in range(20)):
        signature = owner.sign(message)
        assert is_signed_by(owner.public, message, signature)
        assert not is_signed_by(owner.public, message, high_s(signature))
        assert not is_signed_by(owner.public, message + b".", signature)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "30",
        b"not DER".hex(),
        "3006020101020101",
        "3006020100020100",
        "30060201FF0201FF",
        f"3026022100{ORDER:064X}020101",
        f"3027022100{ORDER:064X}020101",
        f"3026020101022100{ORDER // 2 + 1:064X}",
    ],
)
def test_a_signature_that_nobody_made_is_refused(library: str, signature: str) -> None:
    assert not is_signed_by(key("owner").public, b"message", bytes.fromhex(signature))
    assert not is_signed_by(b"\x02" + b"\xff" * 32, b"message", bytes.fromhex(signature))


@pytest.mark.skipif(not BOTH, reason="one of coincurve and cryptography is missing")
@given(position=st.integers(0, 80), value=st.integers(0, 255), cut=st.integers(0, 3))
@example(position=0, value=0x30, cut=0)
def test_both_libraries_say_the_same_of_an_altered_signature(
    position: int, value: int, cut: int
) -> None:
    owner = key("owner")
    altered = bytearray(_signature_of_owner())
    altered[position % len(altered)] = value
    altered = altered[: len(altered) - cut] + bytes((value,)) * (cut == 3)
    checks = keys._secp256k1(owner.public), keys._secp256k1_of_openssl(owner.public)
    first, second = (check(b"message", bytes(altered)) for check in checks)
    assert first == second


@cache
def _signature_of_owner() -> bytes:
    return key("owner").sign(b"message")


def test_a_key_that_is_no_point_of_the_curve_signs_nothing() -> None:
    assert not is_signed_by(b"\x02" + b"\xff" * 32, b"message", key("owner").sign(b"message"))
    assert not is_signed_by(b"\xed" + b"\xff" * 32, b"message", bytes(64))


def test_a_manifest_names_its_signing_key() -> None:
    validator = Validator("alice")
    manifest = validator.manifest()
    assert manifest.master == validator.master.public
    assert manifest.signing_key == validator.signing.public
    assert (manifest.sequence, manifest.domain) == (1, "alice.example.org")
    assert not manifest.revoked


@pytest.mark.parametrize("which", ["signed_by", "master_signed_by"])
def test_both_keys_must_sign_a_manifest(which: str) -> None:
    alice = Validator("alice")
    data = manifest_bytes(alice.master, alice.signing, **{which: key("mallory")})  # type: ignore[arg-type]
    with pytest.raises(BadSignature, match="not signed"):
        Manifest.from_bytes(data)


def test_every_flipped_bit_of_a_manifest_is_refused() -> None:
    data = Validator("alice").manifest().data
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Malformed, BadSignature)):
            Manifest.from_bytes(bytes(flipped))


def test_a_manifest_with_fields_out_of_order_or_doubled_is_refused() -> None:
    alice = Validator("alice")
    data = alice.manifest().data
    sequence, rest = data[:5], data[5:]
    for wrong in (rest + sequence, sequence + data, data + variable(b"\x77", b"other.example")):
        with pytest.raises(Malformed, match="not in order"):
            Manifest.from_bytes(wrong)


def test_a_manifest_of_another_version_or_with_one_key_for_both_is_refused() -> None:
    data = Validator("alice").manifest().data
    with pytest.raises(Malformed, match="version"):
        Manifest.from_bytes(b"\x10\x10\0\1" + data)
    both = key("both")
    with pytest.raises(Malformed, match="one key for both"):
        Manifest.from_bytes(manifest_bytes(both, both))


class TestKeyBook:
    def test_the_newest_manifest_counts(self) -> None:
        alice = Validator("alice")
        newer = alice.rotated()
        book = KeyBook([alice.master.public], [alice.manifest()])
        assert book.add(newer.manifest())
        assert book.master_of(newer.signing.public) == alice.master.public
        assert book.master_of(alice.signing.public) is None
        assert not book.add(alice.manifest()), "an older one never comes back"
        assert book.master_of(alice.signing.public) is None

    def test_a_revoked_master_key_signs_nothing_any_more(self) -> None:
        alice = Validator("alice")
        book = KeyBook([alice.master.public], [alice.manifest()])
        assert book.add(Manifest.from_bytes(manifest_bytes(alice.master, None, sequence=REVOKED)))
        assert book.revoked(alice.master.public)
        assert book.master_of(alice.signing.public) is None
        assert not book.add(alice.rotated().manifest())
        assert book.master_of(alice.rotated().signing.public) is None

    def test_a_signing_key_belongs_to_one_master(self) -> None:
        alice, bob = Validator("alice"), Validator("bob")
        book = KeyBook([alice.master.public, bob.master.public], [alice.manifest()])
        stolen = Manifest.from_bytes(manifest_bytes(bob.master, alice.signing))
        with pytest.raises(KeyConflict, match="belongs to"):
            book.add(stolen)
        assert book.master_of(alice.signing.public) == alice.master.public

    def test_strangers_are_not_kept(self, network: SmallNetwork) -> None:
        book = KeyBook([each.master.public for each in network.validators])
        for number in range(50):
            assert not book.add(Validator(f"stranger {number}").manifest())
        assert len(book) == 5
        assert list(book.manifests()) == []

    def test_without_a_manifest_a_master_key_signs_itself(self) -> None:
        alice = key("a validator of old times")
        book = KeyBook([alice.public])
        assert book.master_of(alice.public) == alice.public
        book.add(Manifest.from_bytes(manifest_bytes(alice, key("its new key"))))
        assert book.master_of(alice.public) is None
