"""Names for people: of currencies, where a name is safe to show, and long ones made short."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["CurrencyName", "currency_name", "shorten"]

_HEX = re.compile(r"[0-9A-Fa-f]{40}").fullmatch
# The first byte of codes that the ledger makes for shares in pools; people cannot choose it.
_LP_TOKEN = 0x03

_ADDRESS = re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}").fullmatch
_HASH = re.compile(r"[0-9A-F]{48}|[0-9A-F]{64}").fullmatch
_CURRENCY = re.compile(r"[0-9A-F]{40}").fullmatch
_ISSUED = re.compile(r"([^.]{3,40})\.(r[1-9A-HJ-NP-Za-km-z]{24,34})").fullmatch


@dataclass(frozen=True, slots=True)
class CurrencyName:
    """What a currency code says.

    Args:
        code: the code, as the ledger prints it.
        text: a name that can be shown. It is the code itself if there is no name, or if the name
            could be taken for another currency.
        kind: `xrp`; `standard`, three characters; `text`, characters in hex; `lp_token`, the
            share in a pool; `hex`, anything else.
        lookalike: it reads like XRP, a three-character code or the name of a pool's share, but
            is something else.
    """

    code: str
    text: str
    kind: Literal["xrp", "standard", "text", "lp_token", "hex"]
    lookalike: bool = False


def currency_name(code: str) -> CurrencyName:
    """The name of a currency code: `XRP`, three characters, or 40 hex digits.

    Hex is turned to text only if it is printable ASCII, with nothing but zeros after it and no
    space at either end. Everything else stays hex, because text could hide what it is.
    """
    if code == "XRP":
        return CurrencyName(code, code, "xrp")
    if not _HEX(code):
        return CurrencyName(code, code, "standard", lookalike=code.upper() == "XRP")
    data = bytes.fromhex(code)
    if data[0] == _LP_TOKEN:
        return CurrencyName(code, f"LP {code[2:10].upper()}", "lp_token")
    text = _text(data)
    if text is None:
        return CurrencyName(code, code, "hex", lookalike=_hidden(data))
    # In hex anybody may issue "USD" or "XRP" once more; shown as text, nobody could tell them
    # apart.
    lookalike = _reads_like_a_code(text) or text.upper().startswith("LP ")
    return CurrencyName(code, code if lookalike else text, "text", lookalike)


def shorten(text: str) -> str:
    """A long name made short for display; values themselves should stay whole.

    An address as `rHb9CJ…dtyTh`, a hash as `4F83A200…`, a currency by its name if it has one,
    anything else as it is.
    """
    if _ADDRESS(text):
        return f"{text[:6]}…{text[-5:]}"
    if _HASH(text):
        return f"{text[:8]}…"
    if _CURRENCY(text):
        name = currency_name(text).text
        return f"{text[:8]}…" if name == text else name
    issued = _ISSUED(text)
    if issued:
        return f"{shorten(issued[1])}.{shorten(issued[2])}"
    return text


def _text(data: bytes) -> str | None:
    # Wallets fill a shorter name with zeros. A zero between letters does not print, and hides what
    # follows.
    letters = data.rstrip(b"\0")
    if not letters or any(not 0x20 <= byte <= 0x7E for byte in letters):
        return None
    text = letters.decode("ascii")
    # A space at an end cannot be seen, so it would make a second SOLO.
    return None if text != text.strip() else text


def _hidden(data: bytes) -> bool:
    """Whether letters that read like a code stand among bytes that do not print."""
    printed = bytes(byte for byte in data if 0x20 < byte <= 0x7E)
    return _reads_like_a_code(printed.decode("ascii"))


def _reads_like_a_code(text: str) -> bool:
    return len(text) == 3 or text.upper() == "XRP"
