"""Refused connections, in words and seconds."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from ekspiper.xrpl.client._wire import asks_for_less, retry_after


def refused(status: int, **headers: str) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers(headers)))


@pytest.mark.parametrize("status", [429, 503])
def test_seconds_to_wait(status: int) -> None:
    assert retry_after(refused(status, **{"Retry-After": "2"})) == 2
    assert retry_after(refused(status, **{"Retry-After": "1.5"})) == 1.5
    assert retry_after(refused(status, **{"Retry-After": "86400"})) == 300


def test_a_date_until_which_to_wait() -> None:
    later = formatdate(time.time() + 30, usegmt=True)
    assert 25 < (retry_after(refused(503, **{"Retry-After": later})) or 0) <= 30
    gone = formatdate(time.time() - 30, usegmt=True)
    assert retry_after(refused(503, **{"Retry-After": gone})) == 0


@pytest.mark.parametrize("text", ["", "soon", "nan", "-5", "1e999x"])
def test_what_says_no_time_is_no_hint(text: str) -> None:
    assert retry_after(refused(503, **{"Retry-After": text})) is None


def test_only_some_refusals_are_for_load() -> None:
    assert asks_for_less(refused(429))
    assert not asks_for_less(refused(404))
    assert retry_after(refused(404, **{"Retry-After": "2"})) is None
    assert not asks_for_less(OSError())
