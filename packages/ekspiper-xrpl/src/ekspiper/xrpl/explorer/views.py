"""A ledger, a transaction, and who signs them, as objects that show themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ekspiper.core import ConfigError, EkspiperError
from ekspiper.xrpl.codec import RIPPLE_EPOCH, ripple_time_iso
from ekspiper.xrpl.derive import shorten
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.trust import ValidatorSet, Verdict, key_text

from ._assets import number
from ._effects import effects
from ._html import caption, facts, lines, row, table
from ._session import Session
from ._tables import Column, columns, guarded, totals_of
from ._tables import transactions as table_of_transactions

if TYPE_CHECKING:
    from ekspiper.xrpl.attestation import Notary

    from ._frame import Frame

__all__ = ["LedgerView", "TransactionView", "TrustView", "listen", "prove"]

# Types of transactions that are listed: the others are few, and the view stays small.
_SHOWN = 8
_DROPS = 1_000_000


class TransactionView:
    """A proven transaction: its fields, its metadata, and what it did in words.

    Args:
        transaction: as it was read.
    """

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction

    @property
    def hash(self) -> str:
        """Its id, upper-case hex."""
        return self.transaction.hash

    @property
    def ledger_index(self) -> int:
        """The ledger it is in."""
        return self.transaction.ledger.ledger_index

    @property
    def effects(self) -> list[str]:
        """What it did, in sentences."""
        return effects(self.transaction)

    @property
    def fields(self) -> dict[str, object]:
        """Its own fields, as records have them; a copy."""
        # A copy, as tables may be made of the same transaction later.
        return dict(self.transaction.fields)

    @property
    def meta(self) -> dict[str, object]:
        """Its metadata, as records have it; a copy."""
        return dict(self.transaction.meta)

    def __repr__(self) -> str:
        return "\n".join((self._title(), *(f"  {each}" for each in self.effects)))

    def _title(self) -> str:
        fields, meta = self.transaction.fields, self.transaction.meta
        kind = fields.get("TransactionType", "Transaction")
        result = meta.get("TransactionResult", "result unknown")
        return f"{kind} {shorten(self.hash)} in ledger {self.ledger_index}: {result}"

    def _repr_html_(self) -> str:
        # Any of them may be missing where the bytes could not be read to their end.
        fields, meta = self.transaction.fields, self.transaction.meta
        close_time = self.transaction.ledger.close_time_iso
        fee = int(fields["Fee"]["value"]) / _DROPS if "Fee" in fields else None
        account = str(fields.get("Account", "unknown"))
        shown = [
            ("hash", shorten(self.hash), self.hash),
            ("ledger", f"{self.ledger_index:,}, place {self.transaction.index}", ""),
            ("closed", close_time, close_time),
            ("account", shorten(account), account),
            ("result", str(meta.get("TransactionResult", "unknown")), ""),
            _fee(fee, "fee"),
        ]
        title = caption(str(fields.get("TransactionType", "Transaction")))
        return title + facts(shown) + lines(self.effects)


def _fee(xrp: float | None, name: str) -> tuple[str, str, str]:
    if xrp is None:
        return name, "unknown", "a transaction cannot be read"
    return name, f"{number(xrp)} XRP", f"{round(xrp * _DROPS)} drops"


class LedgerView:
    """A proven ledger: its header, and its transactions as a table.

    Args:
        ledger: as it was read.
        proof: what proves it, in words.
    """

    def __init__(self, ledger: Ledger, *, proof: str = "its hashes") -> None:
        self.ledger = ledger
        self.proof = proof

    @property
    def ledger_index(self) -> int:
        """Its index."""
        return self.ledger.ledger_index

    @property
    def ledger_hash(self) -> str:
        """Its hash, upper-case hex."""
        return self.ledger.ledger_hash

    @property
    def close_time(self) -> datetime:
        """When it closed, in UTC."""
        return datetime.fromtimestamp(self.ledger.header.close_time + RIPPLE_EPOCH, UTC)

    @property
    def fees(self) -> float | None:
        """What its transactions paid, in XRP; this was destroyed. None where one cannot be read."""
        fees, _, _ = totals_of(self.ledger)
        return None if fees is None else fees / _DROPS

    @property
    def transactions(self) -> Frame:
        """Its transactions, as `Explorer.transactions` gives them."""
        from ._frame import make_frame

        shown = table_of_transactions
        columns, rows = guarded(shown.COLUMNS, shown.rows)
        transactions = self.ledger.showing(shown.NODES)
        return make_frame(columns, (row for each in transactions for row in rows(each)))

    def transaction(self, which: int | str) -> TransactionView:
        """One transaction, by its place or its hash.

        Raises:
            ConfigError: it is not in this ledger.
        """
        for each in self.ledger.transactions:
            # Hashes are copied from other tools, and some of them write small letters.
            if which in (each.index, each.hash) or str(which).upper() == each.hash:
                return TransactionView(each)
        raise ConfigError(
            f"ledger {self.ledger_index} has {len(self)} transactions, but not {which!r}"
        )

    @property
    def types(self) -> Counter[str]:
        """How many transactions of each type it holds."""
        return Counter(
            str(each.fields.get("TransactionType", "unknown")) for each in self.ledger.transactions
        )

    def __len__(self) -> int:
        return self.ledger.transaction_count

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in self.types.most_common(3))
        return (
            f"<Ledger {self.ledger_index} closed {self.ledger.close_time_iso}: "
            f"{len(self)} transactions{': ' + kinds if kinds else ''}>"
        )

    def _repr_html_(self) -> str:
        header = self.ledger.header
        parent = self.ledger.parent_hash
        shown = [
            ("closed", self.ledger.close_time_iso, self.ledger.close_time_iso),
            ("hash", shorten(self.ledger_hash), self.ledger_hash),
            ("parent", shorten(parent), parent),
            ("proven by", self.proof, self.proof),
            _fee(self.fees, "fees"),
            ("XRP in all", f"{header.total_coins / _DROPS:,.6f}", f"{header.total_coins} drops"),
        ]
        counted = self.types.most_common()
        rows = [row((name, f"{count:,}")) for name, count in counted[:_SHOWN]]
        left = len(counted) - _SHOWN
        note = f"and {left} more types; see .transactions" if left > 0 else ""
        said = f"{len(self):,} transactions, proven by the ledger's hash"
        title = caption(f"Ledger {self.ledger_index:,}", said)
        return title + facts(shown) + table(("type", "transactions"), rows, note=note)


_VALIDATOR_COLUMNS = columns(
    validator="string",
    signed="Int64",
    ledgers="Int64",
    last_signed="Int64",
    key_changes="Int64",
    master_key="string",
    signing_key="string",
)
# Without it a validator that is slower than the quorum would look as if it had not signed.
# Seconds that validations may come after the last quorum.
_LATE = 2.0
# Ledgers that fit beside a validator's name, without a line that wraps.
_MARKS = 40


@dataclass(frozen=True, slots=True, eq=False)
class TrustView:
    """The validators of a list, and which of the newest ledgers each of them signed.

    Attributes:
        source: who names the validators, such as `list 84 of nHBe...`.
        until: until when the list holds; empty without a list.
        quorum: how many validators must sign a ledger.
        validators: a table with a row for each: `validator` (the domain that it claims, or its
            key), how many of how many `ledgers` it `signed`, the last one, and its keys.
        signatures: a table with a row for each ledger: by how many it is signed, and a column of
            `True` and `False` for each validator.
    """

    source: str
    until: str
    quorum: int
    validators: Frame
    signatures: Frame

    def __repr__(self) -> str:
        return (
            f"<TrustView {self.source}: {len(self.validators)} validators, {self.quorum} must "
            f"sign, {len(self.signatures)} ledgers>"
        )

    def _repr_html_(self) -> str:
        holds = f" · holds until {self.until}" if self.until else ""
        said = f"{len(self.validators)} validators, {self.quorum} must sign{holds}"
        ledgers = [str(index) for index in self.signatures["ledger_index"]][-_MARKS:]
        rows = []
        for name in self.validators["validator"]:
            # Characters instead of a picture: it is shown everywhere, also in a terminal.
            marks = "".join("■" if signed else "□" for signed in self.signatures[name][-_MARKS:])
            rows.append(row((str(name), marks)))
        span = f"ledgers {ledgers[0]} to {ledgers[-1]}" if ledgers else "no ledgers"
        return caption(self.source, said) + table(("validator", span), rows)


async def prove(
    network: OpenNetwork, ledger: Ledger, *, trust: Sequence[str], timeout: float
) -> str:
    """Prove a ledger by the signatures that are heard now; what proves it, in words.

    Raises:
        ConfigError: it is not known whom to trust.
        EkspiperError: it is another ledger than the validators signed, or nothing that is heard
            leads to it.
    """
    from ekspiper.xrpl.attestation import clock_of, open_notary
    from ekspiper.xrpl.trustees import TrustChoice, read_trustees, trustees_of

    trustees = trustees_of(TrustChoice("signed", read_trustees(trust)), network)
    index = ledger.ledger_index
    # Half a second: what is wrong is only named when the time-out is over, and should be known by
    # then.
    async with open_notary(network.pool, trustees, clock=clock_of(network), patience=0.5) as notary:
        try:
            async with asyncio.timeout(timeout):
                proven = await notary.proven(index)
                signed = await notary.signed_ledger(proven.signed_by)
        except TimeoutError:
            why = notary.problem() or "no later ledger was signed"
            raise EkspiperError(f"ledger {index} is not proven in {timeout:g} s: {why}") from None
    if proven.ledger_hash.hex().upper() != ledger.ledger_hash:
        raise EkspiperError(
            f"the node gave ledger {index} as {ledger.ledger_hash}, but the validators have signed "
            f"{proven.ledger_hash.hex().upper()}: it is forged"
        )
    # The records that are made of it name their proof, as those of the daemon do.
    ledger.signed_by = proven.signed_by
    return "signatures" if signed is None else str(signed.verdict(trustees.keys()))


async def listen(
    session: Session, *, ledgers: int, trust: Sequence[str], timeout: float
) -> TrustView:
    """Hear the validations of the next ledgers.

    Raises:
        ConfigError: it is not known whom to trust.
        EkspiperError: no ledger was signed in time; says why.
    """
    # To look at ledgers alone, no signatures are needed.
    from ekspiper.xrpl.attestation import clock_of, open_notary
    from ekspiper.xrpl.trustees import TrustChoice, read_trustees, trustees_of

    session.check_open()
    options = session.options
    choice = TrustChoice("signed", read_trustees(trust))
    async with (
        open_network(
            options.network, follow=True, connect_timeout=options.connect_timeout
        ) as network,
        open_notary(
            network.pool, trustees_of(choice, network), clock=clock_of(network), patience=0.5
        ) as notary,
    ):
        heard: list[int] = []
        enough = asyncio.Event()

        def hear(verdict: Verdict, latency: float) -> None:
            heard.append(verdict.ledger_index)
            if len(heard) >= ledgers or verdict.ledger_index == network.last:
                enough.set()

        notary.observers.append(hear)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await enough.wait()
                # The last validations of a ledger come after its quorum.
                await asyncio.sleep(_LATE if network.last is None else 0)
        if not heard:
            why = notary.problem() or "no ledger has closed"
            raise EkspiperError(f"no ledger was signed in {timeout:g} s: {why}")
        return _view(notary, sorted(heard)[:ledgers])


def _view(notary: Notary, heard: Sequence[int]) -> TrustView:
    from ._frame import make_frame

    # The first list: with several publishers, one table of validators is shown, not one for each.
    validators, last_seen = notary.validators()[0]
    signers = {index: notary.signers(index) for index in heard}
    names = {master: validators.describe_signer(master) for master in validators.masters()}
    rows = [
        _row(validators, master, name, signers, last_seen.get(master))
        for master, name in names.items()
    ]
    fixed = columns(ledger_index="Int64", signers="Int64")
    shown = (*fixed, *(Column(name, "boolean") for name in names.values()))
    marks = [
        (index, len(signed), *(master in signed for master in names))
        for index, signed in signers.items()
    ]
    source = validators.validator_list
    return TrustView(
        source=validators.source,
        until=ripple_time_iso(source.expiration) if source is not None else "",
        quorum=validators.quorum,
        validators=make_frame(_VALIDATOR_COLUMNS, rows),
        signatures=make_frame(shown, marks),
    )


def _row(
    validators: ValidatorSet,
    master: bytes,
    name: str,
    signers: dict[int, frozenset[bytes]],
    last: int | None,
) -> tuple[Any, ...]:
    manifest = validators.keys.manifest_of(master)
    signing_key = manifest.signing_key if manifest is not None else None
    return (
        name,
        sum(master in signed for signed in signers.values()),
        len(signers),
        last,
        # The first manifest has the sequence 1, as most validators count; a revocation has the
        # highest.
        manifest.sequence - 1 if manifest is not None and not manifest.revoked else None,
        key_text(master),
        key_text(signing_key) if signing_key is not None else None,
    )
