"""What a node can be told to do wrong, and how often.

A plan is written as items with commas between them::

    disconnect:0.02,slowDown:0.05=1.5,forgedMeta@200-220*2,missing@33,seed=7

An item is `KIND[:PROBABILITY][@PLACES][*TIMES][=AMOUNT]`:

* `KIND`: one of `KINDS`.
* `PROBABILITY`: how likely it is on each occasion, 0 to 1; 1 without it.
* `PLACES`: only there: ledgers (`33`, `33-35`) and occasions counted from 1 (`#5`, `#5-9`), with
  `+` between them. An occasion is a request that the fault could strike, or a ledger in the stream.
* `TIMES`: how often one target (one ledger, page or command) may be struck, so that a client that
  tries again gets there; 0 for no bound. Without it 1, and no bound for what Clio cannot forward.
* `AMOUNT`: seconds or bytes, where the kind has one.

`seed=N` chooses among the random courses, `latency=S` delays every answer by S seconds, and
`rate=N` answers N requests a second and says slowDown to the others. A draw depends on the seed,
the kind, the target and how often it was asked for, and not on the order of requests, so one plan
strikes the same targets in every run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

from ekspiper.core import ConfigError

__all__ = ["KINDS", "Fault", "FaultPlan", "Kind", "Occasion"]

Occasion = Literal[
    "answer", "forwarded", "ledger", "page", "state", "stream", "validations", "node"
]
"""When a fault can strike: at any answer, at one that Clio has from a rippled, at one to `ledger`,
to `ledger_data` with a marker, to `ledger_data`; at a ledger in the stream; at the validations of a
ledger; or it is a property of the node."""


class Kind(NamedTuple):
    """One kind of fault: when it can strike, its usual amount, what it does, and how often."""

    occasion: Occasion
    amount: float
    text: str
    times: int = 1


KINDS: Mapping[str, Kind] = {
    "disconnect": Kind("answer", 0, "the connection ends in the middle of the answer"),
    "hang": Kind("answer", 0, "the connection stays open, and nothing more is sent on it"),
    "noAnswer": Kind("answer", 0, "this request is never answered"),
    "slow": Kind("answer", 1.0, "this answer comes AMOUNT seconds late"),
    "garbage": Kind("answer", 0, "a frame that is not JSON instead of the answer"),
    "hugeFrame": Kind("answer", 20 << 20, "the answer in a frame of AMOUNT bytes"),
    "slowDown": Kind("answer", 0, "error slowDown; to every request for AMOUNT seconds"),
    "tooBusy": Kind("answer", 0, "error tooBusy (HTTP 503); to every request for AMOUNT seconds"),
    "loadWarning": Kind("answer", 0, "the answer carries warning: load"),
    "close1008": Kind("answer", 0, "the connection is closed: 1008 threshold exceeded"),
    "down": Kind("answer", 5.0, "every connection ends, and none is accepted for AMOUNT seconds"),
    "failedToForward": Kind("forwarded", 0, "what Clio forwards is refused: failedToForward", 0),
    "noNetwork": Kind("forwarded", 0, "what Clio forwards is refused inside a success", 0),
    "unvalidated": Kind("ledger", 0, "the ledger is given as not validated"),
    "otherLedger": Kind("ledger", 0, "the answer is about the ledger beside it"),
    "lgrNotFound": Kind("ledger", 0, "error lgrNotFound, as for a ledger that has just closed"),
    "truncated": Kind("ledger", 0, "half of the transactions are left out"),
    "forgedTransaction": Kind("ledger", 0, "one bit of a tx_blob is another"),
    "forgedMeta": Kind("ledger", 0, "one bit of a meta_blob is another"),
    "forgedHeader": Kind("ledger", 0, "one bit of ledger_data is another"),
    "wrongParent": Kind("ledger", 0, "another parent, and a ledger_hash that fits it"),
    "forgedObject": Kind("state", 0, "one bit of an object of the state is another"),
    "lostObject": Kind("state", 0, "an object of the state is left out"),
    "markerExpired": Kind("page", 0, "error markerDoesNotExist"),
    "silent": Kind("stream", 0, "no message about this or any later ledger on this connection"),
    "skipped": Kind("stream", 0, "no message about this ledger"),
    "duplicate": Kind("stream", 0, "the messages about this ledger are sent twice"),
    "outOfOrder": Kind("stream", 0, "the messages about this ledger come after those of the next"),
    "forgedValidation": Kind("validations", 0, "one bit of each validation is another", 0),
    "missingValidations": Kind("validations", 0, "all validations but AMOUNT are left out", 0),
    "oldList": Kind("node", 0, "the oldest validator list of the recording is served"),
    "rotatedKey": Kind("node", 0, "manifests of new keys are neither sent nor answered"),
    "forgedChain": Kind("node", 0, "from a ledger on a transaction is missing, and hashes fit"),
    "missing": Kind("node", 0, "the node does not hold these ledgers"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One item of a plan.

    Args:
        kind: one of `KINDS`.
        probability: how likely it is on each occasion.
        ledgers: only at these ledgers; anywhere if there are none.
        ordinals: only on these occasions, counted from 1; on any if there are none.
        times: how often one target is struck at most; 0: no bound; None: as usual for that kind.
        amount: seconds or bytes; None: the usual ones of that kind.
    """

    kind: str
    probability: float = 1.0
    ledgers: tuple[range, ...] = ()
    ordinals: tuple[range, ...] = ()
    times: int | None = None
    amount: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"no fault is called {self.kind!r}; there are {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ConfigError(f"fault {self.kind}: probability {self.probability} is not in 0 to 1")
        if self.kind in ("missing", "forgedChain") and not self.ledgers:
            raise ConfigError(f"fault {self.kind}: say which ledgers, such as {self.kind}@33-35")

    @property
    def size(self) -> float:
        """The amount, in seconds or bytes."""
        return KINDS[self.kind].amount if self.amount is None else self.amount

    @property
    def most_times(self) -> int:
        """How often one target is struck at most; 0: no bound."""
        return KINDS[self.kind].times if self.times is None else self.times

    def is_at(self, ledger: int | None, ordinal: int) -> bool:
        """Whether it may strike this ledger on this occasion."""
        if self.ledgers and (ledger is None or not any(ledger in r for r in self.ledgers)):
            return False
        # Both must fit where both are given: ledger 471, and only the second time.
        return not self.ordinals or any(ordinal in r for r in self.ordinals)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Faults, in the order in which they are tried: the first that strikes is the only one."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    latency: float = 0.0
    rate: float = 0.0

    @classmethod
    def parse(cls, spec: str) -> Self:
        """A plan from text, as the module describes it. Raises ConfigError naming the item."""
        faults: list[Fault] = []
        options = {"seed": 0.0, "latency": 0.0, "rate": 0.0}
        for item in filter(None, (part.strip() for part in spec.split(","))):
            name, _, value = item.partition("=")
            if name in options:
                options[name] = _number(item, value)
            else:
                faults.append(_fault(item))
        return cls(tuple(faults), int(options["seed"]), options["latency"], options["rate"])

    @property
    def missing(self) -> frozenset[int]:
        """The ledgers that the node is not to hold."""
        ranges = (r for f in self.faults if f.kind == "missing" for r in f.ledgers)
        return frozenset(index for r in ranges for index in r)

    @property
    def cannot_forward(self) -> bool:
        """Whether the node is a Clio server whose rippled does not answer."""
        return any(KINDS[fault.kind].occasion == "forwarded" for fault in self.faults)

    @property
    def forged_from(self) -> int | None:
        """The ledger from which on the chain is forged."""
        forged = (r.start for f in self.faults if f.kind == "forgedChain" for r in f.ledgers)
        return min(forged, default=None)

    def has(self, kind: str) -> bool:
        """Whether the node has this property."""
        return any(fault.kind == kind for fault in self.faults)

    def at(self, occasions: Iterable[Occasion]) -> tuple[Fault, ...]:
        """The faults that can strike on these occasions."""
        wanted = set(occasions)
        return tuple(fault for fault in self.faults if KINDS[fault.kind].occasion in wanted)


_ITEM = re.compile(
    r"(?P<kind>\w+)(:(?P<probability>[^@*=]+))?(@(?P<places>[^*=]+))?"
    r"(\*(?P<times>[^=]+))?(=(?P<amount>.+))?"
)


def _fault(item: str) -> Fault:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ConfigError(f"fault {item!r}: not KIND[:PROBABILITY][@PLACES][*TIMES][=AMOUNT]")
    part = match.groupdict()
    places = [p for p in (part["places"] or "").split("+") if p]
    return Fault(
        part["kind"],
        probability=_number(item, part["probability"] or "1"),
        ledgers=tuple(_range(item, p) for p in places if not p.startswith("#")),
        ordinals=tuple(_range(item, p[1:]) for p in places if p.startswith("#")),
        times=int(_number(item, part["times"])) if part["times"] else None,
        amount=_number(item, part["amount"]) if part["amount"] else None,
    )


def _range(item: str, text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(_number(item, first)), int(_number(item, last or first)) + 1)


def _number(item: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"fault {item!r}: {text!r} is not a number") from None
