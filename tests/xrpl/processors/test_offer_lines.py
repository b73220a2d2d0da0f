"""The offers of an answer, from text to text: what `OfferLines.of_offers` makes of its objects, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.xrpl.codec import implementation
from ekspiper.xrpl.processors._offer_lines import OfferLines
from ekspiper.xrpl.replay import SAMPLE

from .offers_both_ways import answers, hold

compiled = pytest.mark.skipif(
    implementation() != "compiled", reason="the compiled codec is not built: hatch run dev:codec"
)


SOME = [orjson.dumps(answer) for answer in answers(Path(SAMPLE)) if answer["result"]["offers"]]


def frame(offers: bytes) -> bytes:
    return b'{"id":1,"result":{"ledger_index":5,"offers":%b,"validated":true}}' % offers


@compiled
def test_every_recorded_answer_is_read() -> None:
    assert all(map(hold, SOME))


@compiled
@pytest.mark.parametrize("name", ["recording", "network"])
def test_every_answer_of_the_recordings_is_read(shared_data: Path, name: str) -> None:
    assert all(hold(orjson.dumps(answer)) for answer in answers(shared_data / name))


@compiled
@pytest.mark.parametrize(
    "offers",
    [
        b"[]",
        b"[{}]",
        b'[{"a":1},{"a":-5,"b":[],"c":{"d":[true,false,null,{}]}}]',
        b'[{"TakerGets":"5","taker_pays_funded":"","TakerPays":{"mpt_issuance_id":"00","value":"1"}}]',
        b'[{"TakerGets":{"currency":"USD","issuer":"r","value":"1"},"a":"b"}]',
        b'[{"a":{"TakerGets":"5"},"TakerGets":"6"}]',  # amounts of an offer, not of what is in it
        b'[{"n":123456789012345678,"m":-1,"z":0}]',
    ],
)
def test_what_servers_may_write_is_read(offers: bytes) -> None:
    assert hold(frame(offers))


@pytest.mark.parametrize(
    "offers",
    [
        b"null",
        b'"[]"',
        b"[1]",
        b"[[]]",
        b"[{}",
        b"[{},]",
        b"[ {}]",
        b'[{"a":1,"a":2}]',
        b'[{"a":1.5}]',
        b'[{"a":1e2}]',
        b'[{"a":-0}]',
        b'[{"a":01}]',
        b'[{"a":12345678901234567890}]',
        b'[{"a":"\\u0041"}]',
        b'[{"a":"\xc3\xa9"}]',
        b'[{"a":"\n"}]',
        b'[{"TakerGets":5}]',
        b'[{"TakerGets":null}]',
        b'[{"TakerGets":{"currency":"USD","value":"1"}}]',
        b'[{"TakerGets":{"value":"1","currency":"USD","issuer":"r"}}]',
        b'[{"TakerGets":{"currency":"USD","issuer":"r","value":"1","more":1}}]',
        b'[{"TakerGets":{"mpt_issuance_id":"00","value":"1","currency":"USD"}}]',
        b'[{"a":%b1%b}]' % (b"[" * 60, b"]" * 60),
        b"[{%b}]" % b",".join(b'"a%d":1' % nth for nth in range(100)),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_parser(offers: bytes) -> None:
    assert OfferLines.of_frame(frame(offers)) is None


@compiled
def test_offers_elsewhere_are_not_those_of_the_answer() -> None:
    for text in (
        b'{"id":1,"result":{"a":{"offers":[{}]},"offers":[{"b":1}]}}',
        b'{"id":1,"result":{"a":",\\"offers\\":[{}]","offers":null}}',
        b'{"id":1,"offers":[{}],"result":{}}',
    ):
        assert not hold(text)


@compiled
@given(st.data())
@settings(max_examples=400, deadline=None)
def test_any_change_of_an_answer_is_read_alike_or_not_at_all(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(SOME)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        size = data.draw(st.sampled_from([0, 0, 1, 2, 9]))
        text[at : at + size] = data.draw(
            st.sampled_from(
                [b"", b'"', b"\\", b",", b"{", b"}", b"]", b"0", b"-", b"1", b"e", b"\x00"]
            )
            | st.binary(max_size=3)
        )
    hold(text)


amounts = st.one_of(
    st.text("0123456789", max_size=5),
    st.fixed_dictionaries(
        {"currency": st.just("USD"), "issuer": st.just("r"), "value": st.just("1")}
    ),
    st.fixed_dictionaries({"mpt_issuance_id": st.just("00"), "value": st.just("7")}),
    st.fixed_dictionaries({"currency": st.just("USD"), "value": st.just("1")}),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=12)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@compiled
@given(
    st.lists(
        st.dictionaries(st.text("abTakerGets_é", max_size=9), values, max_size=5)
        | st.fixed_dictionaries({"TakerGets": amounts, "a": values, "taker_gets_funded": amounts}),
        max_size=4,
    )
)
@settings(max_examples=300, deadline=None)
def test_offers_of_any_kind_are_read_alike_or_not_at_all(offers: list[dict[str, Any]]) -> None:
    try:
        OfferLines.of_offers(offers)
    except (TypeError, KeyError):  # a member that happens to be named like an amount
        return
    hold(frame(orjson.dumps(offers)))
