from __future__ import annotations

from dataclasses import dataclass, field

from ekspiper.xrpl.client import LedgerSet
from ekspiper.xrpl.client._choice import Wait, choose


@dataclass(eq=False)
class Candidate:
    holds: str = "1-100"
    ready: bool = True
    in_flight: int = 0
    latency: float = 0.1
    room: bool = True
    ledgers: LedgerSet = field(init=False)

    def __post_init__(self) -> None:
        self.ledgers = LedgerSet.parse(self.holds)

    def allows(self, now: float) -> bool:
        return self.room


def test_only_a_node_that_holds_the_ledger() -> None:
    part, full = Candidate("1-40,60-100"), Candidate(latency=5.0)
    assert choose([part, full], ledger_index=50, now=0.0) is full
    assert choose([part], ledger_index=50, now=0.0) is Wait.HOLDER
    assert choose([part, full], ledger_index=60, now=0.0) is part


def test_the_one_expected_first() -> None:
    near, far = Candidate(latency=0.01, in_flight=3), Candidate(latency=0.1)
    assert choose([near, far], ledger_index=5, now=0.0) is near
    near.in_flight = 20
    assert choose([near, far], ledger_index=5, now=0.0) is far


def test_waits_for_room_with_the_holder() -> None:
    full, other = Candidate(room=False), Candidate("1-2")
    assert choose([full, other], ledger_index=50, now=0.0) is Wait.ROOM


def test_excluded_and_not_ready_nodes_are_not_asked() -> None:
    a, b = Candidate(), Candidate(ready=False)
    assert choose([a, b], ledger_index=None, excluded=[a], now=0.0) is Wait.NODE


def test_avoided_node_is_the_last_resort() -> None:
    a, b = Candidate(), Candidate(latency=9.0)
    assert choose([a, b], ledger_index=None, avoided=[a], now=0.0) is b
    assert choose([a], ledger_index=None, avoided=[a], now=0.0) is a


def test_node_that_lags_is_not_asked_for_the_latest() -> None:
    behind, newest = Candidate("1-90"), Candidate("1-100", latency=9.0)
    assert choose([behind, newest], ledger_index=None, newest=100, now=0.0) is newest
    assert choose([behind], ledger_index=None, newest=100, now=0.0) is behind
