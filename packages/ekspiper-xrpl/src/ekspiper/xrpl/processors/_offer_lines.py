"""The offers of an answer to `book_offers` as JSON, from the text of the answer, without objects in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import orjson

from ekspiper.xrpl.client import Cut, Text
from ekspiper.xrpl.codec import implementation

from .books import record_amount

_offers: Any
try:
    from . import _offers
except ImportError:  # no compiler was there, or it is a checkout that was not built
    _offers = None

__all__ = ["OFFERS", "OfferLines", "offer_record"]

_INTERFACE = 1
_AMOUNTS = ("TakerGets", "TakerPays", "taker_gets_funded", "taker_pays_funded")


def offer_record(offer: Mapping[str, Any]) -> dict[str, Any]:
    """An offer whose amounts all have one shape."""
    record = dict(offer)
    for name in _AMOUNTS:
        if name in record:
            record[name] = record_amount(record[name])
    return record


class OfferLines:
    """Offers in the shape of records.

    Args:
        data: them as an array of JSON.
        count: how many they are.
    """

    __slots__ = ("count", "data")

    def __init__(self, data: bytes, count: int) -> None:
        self.data = data
        self.count = count

    @classmethod
    def of_offers(cls, offers: Iterable[Mapping[str, Any]]) -> Self:
        """Those of an answer that is parsed: the reference for `of_frame`."""
        records = [offer_record(offer) for offer in offers]
        return cls(orjson.dumps(records), len(records))

    @classmethod
    def of_frame(cls, frame: Text) -> tuple[bytes, Self] | None:
        """Those in the text of an answer, and the text with `null` in their place.

        None where there are none, where anything in them is out of the ordinary, and where the
        codec is pure Python.
        """
        found = _offers.read_offers(frame) if _is_compiled() else None
        if found is None:
            return None
        rest, data, count = found
        return rest, cls(data, count)


def _is_compiled() -> bool:
    # In a checkout the extension stays behind when the code changes.
    is_built = _offers is not None and _offers.INTERFACE == _INTERFACE
    return is_built and implementation() == "compiled"


OFFERS = Cut(OfferLines.of_frame, ("offers",))
"""Takes the offers out of the answer's text."""
