"""Long names made short for display. The values themselves are never touched."""

from __future__ import annotations

import re

from ekspiper.xrpl.derive import currency_name

__all__ = ["shorten"]

_ADDRESS = re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}").fullmatch
_HASH = re.compile(r"[0-9A-F]{48}|[0-9A-F]{64}").fullmatch
_CURRENCY = re.compile(r"[0-9A-F]{40}").fullmatch
_ISSUED = re.compile(r"([^.]{3,40})\.(r[1-9A-HJ-NP-Za-km-z]{24,34})").fullmatch


def shorten(text: str) -> str:
    """An address as `rHb9CJ…dtyTh`, a hash as `4F83A2…`, a currency by its name, anything else as
    it is."""
    if _ADDRESS(text):
        return f"{text[:6]}…{text[-5:]}"
    if _HASH(text):
        return f"{text[:8]}…"
    if _CURRENCY(text):
        return currency_name(text).text
    issued = _ISSUED(text)
    if issued:
        return f"{shorten(issued[1])}.{shorten(issued[2])}"
    return text
