"""`book_offers` and `amm_info`: what was recorded last at or before the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ekspiper.xrpl.codec import CodecError, decode_address

from .._recording import History, LedgerRecord, asset_key, book_key
from ..errors import RpcError, expected_field, missing_field
from .view import View

__all__ = ["DEFAULT_OFFERS", "MAX_OFFERS", "amm_info", "book_offers"]

# As rippled, whose own limits are in its Tuning.h.
DEFAULT_OFFERS = 60
MAX_OFFERS = 100


def book_offers(view: View, request: Mapping[str, Any]) -> bytes:
    """One side of a book; no offers when nothing about it was recorded up to that ledger."""
    record = view.chosen(request)
    _check_book(request)
    limit = _limit(request)
    # A book was recorded when a ledger touched it, so the last answer before holds until the next.
    history = view.recording.book(book_key(request))
    last = (record or view.validated).index
    found = history.latest(last) if history else None
    if found is None or found[1] is None:
        return orjson.dumps({**_place(view, record), "offers": []} | _validated(record))
    body = view.recording.read(found[1])
    result = orjson.loads(body)
    # The very answer that was recorded: its bytes, as the server wrote them.
    if record is not None and found[0] == record.index and len(result["offers"]) <= limit:
        return body
    return orjson.dumps(
        {**_place(view, record), "offers": result["offers"][:limit]} | _validated(record)
    )


def amm_info(view: View, request: Mapping[str, Any]) -> bytes:
    """A pool, by `amm_account` or by `asset` and `asset2`."""
    record = view.chosen(request)
    history = _pool(view, request)
    found = history.latest((record or view.validated).index) if history else None
    if found is None or found[1] is None:
        raise RpcError("actNotFound")
    body = view.recording.read(found[1])
    if record is not None and found[0] == record.index:
        return body
    amm = orjson.loads(body)["amm"]
    return orjson.dumps({"amm": amm, **_place(view, record)} | _validated(record))


def _place(view: View, record: LedgerRecord | None) -> dict[str, Any]:
    if record is None:
        return {"ledger_current_index": view.validated.index + 1}
    return {"ledger_hash": record.hash, "ledger_index": record.index}


def _validated(record: LedgerRecord | None) -> dict[str, Any]:
    return {"validated": record is not None}


def _limit(request: Mapping[str, Any]) -> int:
    asked = request.get("limit", DEFAULT_OFFERS)
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 0:
        raise expected_field("limit", "unsigned integer")
    # 0 is taken for 1, and more than 100 for 100, as rippled does.
    return max(1, min(asked, MAX_OFFERS))


def _pool(view: View, request: Mapping[str, Any]) -> History | None:
    account = request.get("amm_account")
    assets = (request.get("asset"), request.get("asset2"))
    if (account is None) == (assets == (None, None)) or (account is None and None in assets):
        raise RpcError("invalidParams")
    if account is None:
        try:
            pair = frozenset((asset_key(assets[0]), asset_key(assets[1])))
        except ValueError:
            raise RpcError("issueMalformed") from None
        account = view.recording.pool_of(pair)
    elif not isinstance(account, str) or not _is_account(account):
        raise RpcError("actMalformed")
    return None if account is None else view.recording.pool(account)


def _check_book(request: Mapping[str, Any]) -> None:
    """What rippled objects to, in its order."""
    sides = ("taker_pays", "taker_gets")
    # One kind of mistake after the other, over both sides: a request with two gets rippled's error.
    for side in sides:
        if side not in request:
            raise missing_field(side)
    for side in sides:
        if not isinstance(request[side], dict):
            raise expected_field(side, "object")
    for side in sides:
        _check_currency(side, request[side])
    for side in sides:
        _check_issuer(side, request[side])
    _check_domain(request)
    if asset_key(request["taker_pays"]) == asset_key(request["taker_gets"]):
        raise RpcError("badMarket")


def _check_currency(side: str, asset: Mapping[str, Any]) -> None:
    if "mpt_issuance_id" in asset:
        return
    if "currency" not in asset:
        raise missing_field(f"{side}.currency")
    currency = asset["currency"]
    if not isinstance(currency, str):
        raise expected_field(f"{side}.currency", "string")
    if len(currency) not in (3, 40):
        # rippled calls the sides source and destination, and has an error for each.
        error = "srcCurMalformed" if side == "taker_pays" else "dstAmtMalformed"
        raise RpcError(error, f"Invalid field '{side}.currency', bad currency.")


def _check_issuer(side: str, asset: Mapping[str, Any]) -> None:
    if "mpt_issuance_id" in asset:
        return
    error = "srcIsrMalformed" if side == "taker_pays" else "dstIsrMalformed"
    issuer = asset.get("issuer")
    if asset["currency"] == "XRP":
        if issuer is not None:
            told = f"Unneeded field '{side}.issuer' for XRP currency specification."
            raise RpcError(error, told)
        return
    if issuer is None:
        raise RpcError(error, f"Invalid field '{side}.issuer', expected non-XRP issuer.")
    if not isinstance(issuer, str):
        raise expected_field(f"{side}.issuer", "string")
    if not _is_account(issuer):
        raise RpcError(error, f"Invalid field '{side}.issuer', bad issuer.")


def _check_domain(request: Mapping[str, Any]) -> None:
    domain = request.get("domain", "0" * 64)
    digits = "0123456789abcdefABCDEF"
    if not isinstance(domain, str) or len(domain) != 64 or any(c not in digits for c in domain):
        raise RpcError("domainMalformed", "Unable to parse domain.")


def _is_account(text: str) -> bool:
    try:
        decode_address(text)
    except CodecError:
        return False
    return True
