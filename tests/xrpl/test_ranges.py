from __future__ import annotations

import pytest

from ekspiper.xrpl.ranges import BadRange, parse_range, ranges_begun, resolve_ranges


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("3:302", (3, 302)),
        ("5:5", (5, 5)),
        ("3:+300", (3, 302)),
        ("-100:", (901, 1000)),
        ("-5000:", (1, 1000)),
        ("990:", (990, 1000)),
    ],
)
def test_range(text: str, resolved: tuple[int, int]) -> None:
    assert parse_range(text).resolve(1000) == resolved


def test_absolute_range_needs_no_newest_ledger() -> None:
    assert parse_range("3:+2").is_absolute
    assert parse_range("3:4").resolve() == (3, 4)
    with pytest.raises(BadRange, match="needs a node"):
        parse_range("-3:").resolve()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("302:3", "ends before it begins"),
        ("3", "is not a range"),
        ("3-5", "is not a range"),
        ("a:b", "is not a range"),
        ("3:+0", "holds no ledger"),
        ("0:5", "ledger 0"),
        ("-0:", "holds no ledger"),
        ("1:99999999999", "4294967295"),
        ("", "is not a range"),
    ],
)
def test_what_is_no_range(text: str, says: str) -> None:
    with pytest.raises(BadRange, match=says):
        parse_range(text)


def test_range_that_begins_after_the_newest() -> None:
    with pytest.raises(BadRange, match="begins after the newest ledger, 1000"):
        parse_range("1001:").resolve(1000)


def test_ranges_are_united() -> None:
    specs = [parse_range(text) for text in ("8:9", "1:3", "2:5")]
    assert resolve_ranges(specs).ranges == ((1, 5), (8, 9))


def test_a_range_of_the_newest_is_named_by_its_ledgers() -> None:
    assert parse_range("-3:").text_at(302) == "300:302"
    assert parse_range("290:").text_at(302) == "290:302"
    assert parse_range("3:+2").text_at(None) == "3:+2"


def test_ranges_of_the_newest_mean_what_they_meant_when_the_run_began() -> None:
    identity = "xrpl network 0, ledgers 300:302,5:6 backwards"
    assert ranges_begun(identity, ["-3:", "5:6"]) == ["300:302", "5:6"]
    assert ranges_begun(identity, ["7:8"]) == ["7:8"]
