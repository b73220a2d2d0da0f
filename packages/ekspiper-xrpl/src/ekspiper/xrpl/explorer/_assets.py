"""Assets and amounts as an analyst reads them: `USD.rIssuer`, and XRP in XRP instead of drops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ekspiper.xrpl.codec import CodecError, decode_address
from ekspiper.xrpl.derive import currency_name
from ekspiper.xrpl.processors import Asset

from .errors import UnknownPair

__all__ = [
    "XRP",
    "amount_cells",
    "amount_text",
    "asset_text",
    "currency_cells",
    "number",
    "parse_asset",
    "parse_pair",
    "units",
]

XRP = Asset("XRP")
_DROPS = 1_000_000
_MPT = re.compile(r"[0-9A-Fa-f]{48}").fullmatch
_HELP = (
    "write XRP, CURRENCY.ISSUER (for example USD.rvYAfWj5gh67oV6fW32ZzP3Aw4Eubs59B) or an MPT id"
)


def parse_asset(text: str | Asset) -> Asset:
    """An asset from `XRP`, `USD.rIssuer` or the 48 hex digits of an MPT.

    Raises:
        UnknownPair: it is something else; the message says what is wrong.
    """
    if isinstance(text, Asset):
        return text
    if not isinstance(text, str):
        raise UnknownPair(f"{text!r} is not an asset: {_HELP}")
    text = text.strip()
    if text == "XRP":
        return XRP
    if _MPT(text):
        return Asset(mpt_issuance_id=text.upper())
    currency, dot, issuer = text.partition(".")
    if not dot:
        raise UnknownPair(f"{text!r} needs its issuer: {_HELP}")
    try:
        decode_address(issuer)
    except CodecError as error:
        raise UnknownPair(f"{text!r} is not an asset: its issuer {error}; {_HELP}") from None
    return Asset(_currency_code(currency, text), issuer)


def parse_pair(pair: str | tuple[str | Asset, str | Asset]) -> tuple[Asset, Asset]:
    """Base and counter from `XRP/USD.rIssuer`, or from a pair of assets.

    Raises:
        UnknownPair: these are not two different assets.
    """
    both = tuple(pair.split("/")) if isinstance(pair, str) else tuple(pair)
    if len(both) != 2:
        raise UnknownPair(f"{pair!r} is not a pair: write BASE/COUNTER, such as XRP/USD.rIssuer")
    base, counter = parse_asset(both[0]), parse_asset(both[1])
    if base == counter:
        raise UnknownPair(f"{pair!r} is one asset twice: a pair has two different ones")
    return base, counter


def asset_text(asset: Mapping[str, Any] | Asset) -> str:
    """An asset in full, as `parse_asset` reads it."""
    if not isinstance(asset, Asset):
        asset = Asset.of(asset)
    if asset.mpt_issuance_id:
        return asset.mpt_issuance_id
    return f"{_readable(asset.currency)}.{asset.issuer}" if asset.issuer else asset.currency


def units(amount: Mapping[str, Any]) -> float | None:
    """How much an amount in record shape is, XRP counted in XRP; None for `unavailable`."""
    try:
        value = float(amount["value"])
    # The ledger's own word for what was delivered before 2014: nobody recorded how much.
    except ValueError:
        return None
    # Records count XRP in drops, in which nobody thinks of a price.
    return value / _DROPS if _is_xrp(amount) else value


def amount_cells(
    amount: Mapping[str, Any] | None,
) -> tuple[float | None, str | None, str | None, str | None, str | None]:
    """An amount as tables hold it: units, currency, its code, issuer (or MPT id), the raw value."""
    if amount is None:
        return (None, None, None, None, None)
    # One column finds all amounts of a token, of whichever kind it is.
    issuer = amount.get("mpt_issuance_id") or amount["issuer"] or None
    return (units(amount), *currency_cells(amount), issuer, amount["value"])


def currency_cells(asset: Mapping[str, Any]) -> tuple[str, str]:
    """What an amount is of: a name to read and to compare with, and the ledger's own code.

    The name is the code itself if that cannot be read, or reads like another currency. An MPT has
    no currency: its name is `MPT`, and its code the id.
    """
    issuance = asset.get("mpt_issuance_id")
    if issuance:
        return "MPT", issuance
    code = asset["currency"]
    name = currency_name(code)
    # Shares in a pool keep their code: `LP` and eight digits may stand for two of them.
    return (name.text if name.kind == "text" else code), code


def amount_text(amount: Mapping[str, Any]) -> str:
    """An amount for people: `12.5 XRP`, `3 USD`, without the issuer."""
    value = units(amount)
    shown = amount["value"] if value is None else number(value)
    return f"{shown} {_short_name(amount)}"


def number(value: float) -> str:
    """A number for people, with up to 6 significant decimals."""
    # Beyond 15 digits a float would show some that are not there.
    if value and (abs(value) < 1e-6 or abs(value) >= 1e15):
        return f"{value:.4g}"
    text = f"{value:,.6f}" if abs(value) >= 1 else f"{value:,.8f}"
    return text.rstrip("0").rstrip(".")


def _short_name(amount: Mapping[str, Any]) -> str:
    if amount.get("mpt_issuance_id"):
        return f"MPT {amount['mpt_issuance_id'][:8]}…"
    return currency_name(amount["currency"]).text


def _readable(currency: str) -> str:
    """A currency as `parse_asset` reads it back; text with a mark that it splits at stays hex."""
    name = currency_name(currency)
    # `USD.rIssuer/XRP` is split at these marks.
    readable = name.kind == "text" and not set(name.text) & set("./ ")
    return name.text if readable else currency


def _is_xrp(amount: Mapping[str, Any]) -> bool:
    return amount["currency"] == "XRP" and not amount["issuer"]


def _currency_code(currency: str, text: str) -> str:
    # An issued token must not be called XRP; the ledger refuses that code, too.
    if len(currency) == 3 and currency != "XRP":
        return currency
    if re.fullmatch(r"[0-9A-Fa-f]{40}", currency):
        return currency.upper()
    # A longer name is 20 bytes of ASCII, filled up with zeros, as most issuers write it.
    if len(currency) not in (0, 3) and len(currency) <= 20 and currency.isascii():
        return currency.encode("ascii").hex().upper().ljust(40, "0")
    raise UnknownPair(f"{text!r} is not an asset: {currency!r} is not a currency code; {_HELP}")
