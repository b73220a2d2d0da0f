"""Puts recorded lines where the answers will look for them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ekspiper.xrpl.codec import Decoder, Definitions, transaction_id

from .ledger_record import LedgerRecord, full_form, header_of
from .lines import Exchange, Message
from .spool import Span, Spool
from .state import StateRecord
from .testimony import KnownManifest, Testimony, ValidatorDocument

__all__ = ["History", "Index", "add", "asset_key", "book_key", "exchange_key"]

ABOUT_THE_SERVER = frozenset({"server_info", "server_state", "server_definitions", "fee", "ping"})


@dataclass(slots=True)
class History:
    """Answers about one thing (a book, a pool), by the ledger they were given for."""

    answers: dict[int, Span | None] = field(default_factory=dict)
    """`None` where the server said that the thing is not there."""

    _sorted: list[int] = field(default_factory=list)

    def add(self, ledger_index: int, answer: Span | None) -> None:
        """Keep an answer; of two for one ledger the longer, which was asked with a higher limit."""
        known = self.answers.get(ledger_index)
        if known is None or (answer is not None and answer.length > known.length):
            self.answers[ledger_index] = answer
        self._sorted.clear()

    def latest(self, ledger_index: int) -> tuple[int, Span | None] | None:
        """The last answer at or before a ledger, and the ledger it was given for."""
        if not self._sorted:
            self._sorted.extend(sorted(self.answers))
        place = bisect_right(self._sorted, ledger_index)
        if place == 0:
            return None
        found = self._sorted[place - 1]
        return found, self.answers[found]


@dataclass(slots=True)
class Index:
    """Where everything is; filled line by line by `add`, put in order by `finish`."""

    spool: Spool = field(default_factory=Spool)
    ledgers: dict[int, LedgerRecord] = field(default_factory=dict)
    transactions: dict[bytes, int] = field(default_factory=dict)
    books: dict[object, History] = field(default_factory=dict)
    pools: dict[str, History] = field(default_factory=dict)
    pool_accounts: dict[frozenset[tuple[str, ...]], str] = field(default_factory=dict)
    states: dict[int, StateRecord] = field(default_factory=dict)
    stream: dict[int, list[Span]] = field(default_factory=dict)
    exchanges: dict[bytes, Span] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    testimony: Testimony = field(default_factory=Testimony)
    lists: list[ValidatorDocument] = field(default_factory=list)

    def finish(self) -> None:
        for state in self.states.values():
            state.finish()
        # A list brings the manifests of its validators, which the server was perhaps not asked for.
        decoder = Decoder(Definitions.bundled(), shape="server")
        for text in (text for each in self.lists for text in each.manifests):
            if (manifest := KnownManifest.of_bytes(text, decoder)) is not None:
                self.testimony.manifests.append(manifest)
        complete = [index for index, record in self.ledgers.items() if record.is_complete]
        self.testimony.finish(complete or self.ledgers)


def add(index: Index, item: Exchange | Message) -> None:
    """Index one line. Raises KeyError, TypeError or ValueError when a field is not as it should be."""
    if isinstance(item, Message):
        _add_message(index, item.body)
        return
    request, response = item
    result = response.get("result")
    command = request["command"]
    # What the node can derive goes where the rules look for it; everything else is served as it is,
    # to exactly the same request.
    if result is None:
        _add_error(index, request, response)
    elif command in ABOUT_THE_SERVER:
        # With `hash`, server_definitions may have been answered by the hash alone.
        if command != "server_definitions" or "FIELDS" in result:
            index.templates[command] = result
    elif command in _ADDERS and result.get("validated") is True:
        _ADDERS[command](index, request, result)
    else:
        index.exchanges[exchange_key(request)] = index.spool.add(orjson.dumps({"result": result}))
    manifest = KnownManifest.of_answer(result or {}) if command == "manifest" else None
    if manifest is not None:
        index.testimony.manifests.append(manifest)


def exchange_key(request: Mapping[str, Any]) -> bytes:
    """What two requests must share for one answer to serve both: everything but the id."""
    body = {name: value for name, value in request.items() if name != "id"}
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def asset_key(asset: object) -> tuple[str, ...]:
    """A currency, issued currency or MPT as a key. Raises ValueError for anything else."""
    if isinstance(asset, str):
        # An amount of drops, as `amm_info` gives it, is text.
        return ("XRP", "")
    if isinstance(asset, dict):
        if isinstance(issuance := asset.get("mpt_issuance_id"), str):
            return ("MPT", issuance.upper())
        if isinstance(currency := asset.get("currency"), str):
            return (currency, asset.get("issuer", ""))
    raise ValueError(f"not an asset: {asset!r}")


def book_key(request: Mapping[str, Any]) -> object:
    """One side of a book: what is given, what is paid, and the domain if it has one."""
    return (
        asset_key(request["taker_gets"]),
        asset_key(request["taker_pays"]),
        request.get("domain"),
    )


def _add_message(index: Index, body: dict[str, Any]) -> None:
    if body["type"] in ("ledgerClosed", "transaction") and "ledger_index" in body:
        span = index.spool.add(orjson.dumps(body))
        index.stream.setdefault(int(body["ledger_index"]), []).append(span)
        if body["type"] == "ledgerClosed":
            index.testimony.close(int(body["ledger_index"]))
    elif body["type"] == "validationReceived":
        span = index.spool.add(orjson.dumps(body))
        index.testimony.add_validation(int(body["ledger_index"]), span)
    elif body["type"] == "manifestReceived":
        manifest = KnownManifest.of_message(body)
        index.testimony.add_manifest(manifest, index.spool.add(orjson.dumps(body)))


def _add_error(index: Index, request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
    if request["command"] == "amm_info" and response["error"] == "actNotFound":
        ledger_index, account = request.get("ledger_index"), request.get("amm_account")
        if isinstance(ledger_index, int) and isinstance(account, str):
            index.pools.setdefault(account, History()).add(ledger_index, None)
    # What belongs to the envelope is made for each request.
    told = {k: v for k, v in response.items() if k not in ("id", "request", "type", "status")}
    index.exchanges[exchange_key(request)] = index.spool.add(orjson.dumps(told))


def _add_ledger(index: Index, request: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    ledger = result["ledger"]
    record = _record(index, result, ledger)
    form = full_form(ledger, api_version=request.get("api_version", 1))
    if form is None:
        return
    record.forms[form] = index.spool.add(orjson.dumps(result))
    for transaction in ledger["transactions"]:
        name = transaction.get("hash")
        key = bytes.fromhex(name) if name else transaction_id(bytes.fromhex(transaction["tx_blob"]))
        index.transactions[key] = record.index


def _record(index: Index, result: Mapping[str, Any], ledger: Mapping[str, Any]) -> LedgerRecord:
    number = int(result["ledger_index"] if "ledger_index" in result else ledger["ledger_index"])
    record = index.ledgers.get(number)
    if record is None:
        name = result["ledger_hash"] if "ledger_hash" in result else ledger["ledger_hash"]
        record = index.ledgers[number] = LedgerRecord(number, name)
    # The bytes are preferred to fields of JSON, which a server has printed.
    if record.header is None or "ledger_data" in ledger:
        record.header = header_of(ledger) or record.header
    return record


def _add_page(index: Index, request: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    if "ledger" in result:
        _record(index, result, result["ledger"])
    if request.get("type") is not None:
        return  # objects of one type do not make a state
    state = index.states.setdefault(int(result["ledger_index"]), StateRecord())
    column = state.binary if request.get("binary") else state.json
    column.add_page(
        result["state"],
        index.spool,
        after=request.get("marker"),
        until=result.get("marker"),
        types=Definitions.bundled().ledger_entry_types,
    )


def _add_book(index: Index, request: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    history = index.books.setdefault(book_key(request), History())
    history.add(int(result["ledger_index"]), index.spool.add(orjson.dumps(result)))


def _add_pool(index: Index, request: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    amm = result["amm"]
    history = index.pools.setdefault(amm["account"], History())
    history.add(int(result["ledger_index"]), index.spool.add(orjson.dumps(result)))
    assets = frozenset((asset_key(amm["amount"]), asset_key(amm["amount2"])))
    index.pool_accounts[assets] = amm["account"]


_ADDERS = {
    "ledger": _add_ledger,
    "ledger_data": _add_page,
    "book_offers": _add_book,
    "amm_info": _add_pool,
}
