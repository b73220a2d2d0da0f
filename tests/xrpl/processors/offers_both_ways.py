"""Answers to `book_offers` read in both ways: from text to text, and by way of their objects."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ekspiper.xrpl.processors._offer_lines import OFFERS, OfferLines

__all__ = ["answers", "hold"]


def answers(folder: Path) -> Iterator[dict[str, Any]]:
    """Those of a recording."""
    with gzip.open(folder / "book_offers_v2.jsonl.gz") as lines:
        yield from (orjson.loads(line)["response"] for line in lines)


def hold(text: bytes | bytearray) -> bool:
    """Whether the offers in a text are read without objects; if so, they must be as they are with them."""
    taken = OfferLines.of_frame(text)
    if taken is None:
        return False
    rest, lines = taken
    message, whole = _parsed(rest), _parsed(text)
    assert (message is None) == (whole is None), "only one of them is JSON"
    if not isinstance(message, dict) or not OFFERS.put(lines, message):
        return False  # the whole text is parsed instead
    expected = OfferLines.of_offers(whole["result"]["offers"])
    assert (lines.data, lines.count) == (expected.data, expected.count)
    whole["result"]["offers"] = lines
    assert message == whole
    return True


def _parsed(text: bytes | bytearray) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
