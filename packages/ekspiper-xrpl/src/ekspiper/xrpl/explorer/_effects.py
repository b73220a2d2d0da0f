"""What a transaction did, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ekspiper.core import EkspiperError
from ekspiper.xrpl.derive import (
    MALFORMED,
    UNAVAILABLE,
    balance_changes,
    delivered_amount,
    error_text,
    nftoken_moves,
    shorten,
    trades,
)
from ekspiper.xrpl.ledger import Transaction

from ._assets import amount_text, units

__all__ = ["effects"]

_NAMES = {
    "AccountRoot": "account",
    "RippleState": "trust line",
    "Escrow": "escrow",
    "Check": "check",
    "PayChannel": "payment channel",
    "NFTokenOffer": "NFT offer",
    "Ticket": "ticket",
    "AMM": "pool",
    "Oracle": "oracle",
    "DID": "DID",
    "SignerList": "signer list",
    "DepositPreauth": "deposit authorization",
    "MPToken": "MPT balance",
    "MPTokenIssuance": "MPT issuance",
    "Credential": "credential",
    "PermissionedDomain": "permissioned domain",
    "Bridge": "bridge",
    "Delegate": "delegation",
    "Vault": "vault",
}
# Said elsewhere, or of no interest: pages of directories and tokens come and go with their
# content.
_SILENT = frozenset({"DirectoryNode", "NFTokenPage", "Offer"})


def effects(transaction: Transaction) -> list[str]:
    """Sentences: what was done, what was traded, made and removed, and whose balance changed.

    Addresses are shortened, amounts are in XRP and units of the token. What cannot be read has a
    sentence that says so, and takes nothing else with it.
    """
    fields, meta = transaction.fields, transaction.meta
    result = meta.get("TransactionResult")
    said: list[str] = []
    if result is None:
        said.append("Its result is unknown: the metadata could not be read to its end.")
    elif result != "tesSUCCESS":
        said.append(f"It failed with {result}: it paid its fee, and did nothing else.")
    # A failed transaction has only paid its fee, which the balances show.
    if result in (None, "tesSUCCESS"):
        said += _said("What it was for", lambda: _purpose(transaction))
        said += _said("What it traded", lambda: _trades(fields, meta))
        said += _said("Which offers it placed", lambda: _offers(meta))
        said += _said("Which tokens moved", lambda: _tokens(meta))
        said += _said("What it made and removed", lambda: _entries(meta))
    said += _said("Which balances changed", lambda: _balances(fields, meta))
    return said


def _said(what: str, sentences: Callable[[], Iterator[str]]) -> list[str]:
    try:
        return list(sentences())
    except (EkspiperError, *MALFORMED) as error:
        # Each part by itself: what can be read of a strange transaction is still told.
        return [f"{what} is unknown: {error_text(error)}."]


def _purpose(transaction: Transaction) -> Iterator[str]:
    fields = transaction.fields
    sender = shorten(fields["Account"])
    amount = delivered_amount(
        fields,
        transaction.meta,
        ledger_index=transaction.ledger.ledger_index,
        close_time=transaction.ledger.header.close_time,
    )
    type_ = fields["TransactionType"]
    if amount == UNAVAILABLE:
        yield f"{sender} paid {shorten(fields['Destination'])}; how much is not recorded."
    elif type_ == "CheckCash" and amount:
        yield f"{sender} cashed a check for {amount_text(amount)}."
    elif amount:
        yield f"{sender} delivered {amount_text(amount)} to {shorten(fields['Destination'])}."
    elif type_ == "OfferCreate":
        gives, wants = fields["TakerGets"], fields["TakerPays"]
        yield f"{sender} offered {amount_text(gives)} for {amount_text(wants)}."
    elif type_ == "TrustSet":
        limit = fields["LimitAmount"]
        yield f"{sender} trusts {shorten(limit['issuer'])} for up to {amount_text(limit)}."
    else:
        yield f"{sender} sent {'an' if type_[0] in 'AEIOU' else 'a'} {type_}."


def _trades(fields: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[str]:
    for trade in trades(fields, meta):
        maker = shorten(trade["maker"])
        who = f"the pool {maker}" if trade["source"] == "amm" else f"the offer of {maker}"
        whole = ", which was filled" if trade.get("filled") else ""
        yield f"It traded with {who}: {_given(trade)}{whole}."


def _given(trade: Mapping[str, Any]) -> str:
    return f"got {amount_text(trade['gave'])} for {amount_text(trade['got'])}"


def _offers(meta: Mapping[str, Any]) -> Iterator[str]:
    for change, node in _nodes(meta, "Offer"):
        if change == "CreatedNode":
            offer = node["NewFields"]
            gives, wants = offer["TakerGets"], offer["TakerPays"]
            yield f"It placed an offer: {amount_text(gives)} for {amount_text(wants)}."
        # One whose amounts changed was traded with to its end, which is said among the trades.
        elif change == "DeletedNode" and "TakerGets" not in node.get("PreviousFields", {}):
            owner = shorten(node["FinalFields"]["Account"])
            yield f"The offer {node['FinalFields']['Sequence']} of {owner} was removed."


def _tokens(meta: Mapping[str, Any]) -> Iterator[str]:
    for move in nftoken_moves(meta):
        token = f"The NFT {shorten(str(move['nftoken_id']))}"
        if move["from"] is None:
            yield f"{token} was minted by {shorten(str(move['to']))}."
        elif move["to"] is None:
            yield f"{token} of {shorten(str(move['from']))} was burned."
        else:
            yield f"{token} went from {shorten(str(move['from']))} to {shorten(str(move['to']))}."


def _entries(meta: Mapping[str, Any]) -> Iterator[str]:
    for change, verb in (("CreatedNode", "made"), ("DeletedNode", "removed")):
        found = Counter(
            node["LedgerEntryType"]
            for kind, node in _nodes(meta)
            if kind == change and node["LedgerEntryType"] not in _SILENT
        )
        for type_, count in sorted(found.items()):
            name = _NAMES.get(type_, type_)
            # N for "NFT", which is spoken letter by letter.
            article = "an" if name[0] in "aeiouAEIOUN" else "a"
            what = f"{article} {name}" if count == 1 else f"{count} {name}s"
            yield f"It {verb} {what}."


def _balances(fields: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[str]:
    fee = amount_text(fields["Fee"])
    payer = fields.get("Delegate", fields["Account"])  # a delegate pays the fee itself
    for change in _of_holders(balance_changes(meta)):
        value = units(change) or 0
        amount = amount_text({**change, "value": change["value"].lstrip("-")})
        verb = "gained" if value > 0 else "lost"
        pays = change["account"] == payer and change["currency"] == "XRP"
        note = f", of which {fee} is the fee" if pays and value < 0 else ""
        # Nothing else was paid, so "of which" would be odd.
        if pays and value < 0 and -value * 1_000_000 == float(fields["Fee"]["value"]):
            note = ", the fee"
        yield f"{shorten(change['account'])} {verb} {amount}{note}."


def _of_holders(changes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without the issuers' ends of trust lines: who issues to several is the issuer.

    A line between two accounts that each appear once keeps the end that gained.
    """
    ends = Counter((each["currency"], each["issuer"]) for each in changes)
    for change in changes:
        currency, issuer = change["currency"], change["issuer"]
        fell = change["value"].startswith("-")
        own, other = ends[currency, change["account"]], ends[currency, issuer]
        if not issuer or (own, fell) <= (other, not fell):
            yield change


def _nodes(meta: Mapping[str, Any], *types: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for element in meta["AffectedNodes"]:
        for change, node in element.items():
            if not types or node["LedgerEntryType"] in types:
                yield change, node
