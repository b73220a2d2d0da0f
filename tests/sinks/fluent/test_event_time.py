"""Event times to the nanosecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import Permanent
from ekspiper.sinks.fluent._event_time import packed_time, unix_nanoseconds


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T12:01:40Z", 1795348900_000000000),
        ("2026-11-22T12:01:40.5Z", 1795348900_500000000),
        ("2026-11-22T12:01:40.123456789Z", 1795348900_123456789),
        ("2026-11-22T12:01:40.1234567899Z", 1795348900_123456789),
        ("2026-11-22T14:01:40+02:00", 1795348900_000000000),
        ("2026-11-22T12:01:40", 1795348900_000000000),
        (1795348900, 1795348900_000000000),
        (1795348900.25, 1795348900_250000000),
    ],
)
def test_times(value: str | float, nanoseconds: int) -> None:
    assert unix_nanoseconds(value) == nanoseconds
    packed = msgpack.unpackb(packed_time(value))
    assert packed.code == 0
    assert divmod(nanoseconds, 10**9) == (
        int.from_bytes(packed.data[:4], "big"),
        int.from_bytes(packed.data[4:], "big"),
    )
    assert packed_time(value)[:2] == b"\xd7\x00"


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2106, 1, 1)))
def test_iso_times_of_python(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    exact = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert unix_nanoseconds(aware.isoformat()) == exact * 1000


@pytest.mark.parametrize("value", ["", "now", "2026-13-01", float("nan"), float("inf"), "12"])
def test_no_times(value: str | float) -> None:
    with pytest.raises(Permanent, match="is not a time"):
        packed_time(value)


@pytest.mark.parametrize("value", ["1969-12-31T23:59:59Z", "2106-02-07T06:28:16Z", -1, 2**32])
def test_times_that_the_protocol_has_not(value: str | int) -> None:
    with pytest.raises(Permanent, match="1970 to 2106"):
        packed_time(value)
