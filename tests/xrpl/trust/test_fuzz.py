"""Bytes of strangers: whatever they are, the answer is a value or one `TrustError`."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.xrpl.trust import (
    Manifest,
    SkipList,
    TrustError,
    Validation,
    check_proof,
    read_key,
    read_validator_lists,
    split_transaction,
)

from .small_network import SmallNetwork, Validator, variable

NETWORK = SmallNetwork()
GOOD_MANIFEST = Validator("alice").manifest().data
GOOD_VALIDATION = Validator("alice").validation(7, bytes(32)).data

codes = st.sampled_from([b"\x22", b"\x24", b"\x26", b"\x29", b"\x51", b"\x71", b"\x73", b"\x76"])
pieces = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.builds(variable, codes, st.binary(max_size=80)),
        st.sampled_from([GOOD_MANIFEST[:5], GOOD_MANIFEST[5:40], GOOD_VALIDATION[:15]]),
    ),
    max_size=12,
).map(b"".join)
json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["steps", "type", "header", "unl", "validation", "ledger", "transaction", "proof"]
            )
            | st.text(max_size=5),
            children,
            max_size=5,
        )
    ),
    max_leaves=25,
)


def readers() -> list[Callable[[bytes], object]]:
    return [
        Manifest.from_bytes,
        Validation.from_bytes,
        split_transaction,
        lambda data: SkipList.from_object(SkipList.short_index(), data),
        lambda data: SkipList.from_object(SkipList.long_index(256), b"\x11\x00\x68" + data),
    ]


@settings(max_examples=300, deadline=None)
@given(pieces)
def test_any_bytes(data: bytes) -> None:
    for read in readers():
        with suppress(TrustError):
            read(data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD_MANIFEST)), st.binary(max_size=8), st.integers(0, 8))
def test_what_was_good_once(at: int, inserted: bytes, removed: int) -> None:
    for good in (GOOD_MANIFEST, GOOD_VALIDATION):
        for read in readers():
            with suppress(TrustError):
                read(good[:at] + inserted + good[at + removed :])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_any_text_as_a_key(text: str) -> None:
    with suppress(TrustError):
        assert len(read_key(text)) == 33


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_any_json_as_a_proof_or_a_list(value: object) -> None:
    document = json.dumps(value).encode()
    with suppress(TrustError):
        check_proof(document, NETWORK.trusted)
    with suppress(TrustError):
        read_validator_lists(document)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["blob", "manifest", "signature", "public_key", "version"]), json_values)
def test_any_json_in_a_list(name: str, value: object) -> None:
    with suppress(TrustError):
        read_validator_lists({**NETWORK.document(), name: value})
