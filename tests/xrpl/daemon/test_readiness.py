"""Each reason for which the daemon is not ready, and that it goes with its cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ekspiper.xrpl.daemon._readiness import Readiness
from ekspiper.xrpl.replay import ReplayNode

from .conftest import LAST, Http, Running

Node = Callable[..., ReplayNode]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "guides" / "operate-the-daemon.md"


class World:
    """A pool and a run as readiness sees them, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.node = SimpleNamespace(url="ws://a", state="ready", problem="")
        self.missing: dict[int, float] = {}
        self.collector = SimpleNamespace(failing=None, busy=0.0)
        self.collectors = {"f/s/c": self.collector}
        self.read = 1
        self.position = 7
        self.newest_ledger = 9
        self.draining = False
        self.run_failing: dict[str, str] = {}
        self.readiness = Readiness(
            sink_patience=15.0, network_patience=60.0, clock=lambda: self.now
        )
        self.readiness.running(self, self)  # type: ignore[arg-type]
        self.readiness.note_ledger(7)

    def nodes(self) -> list[Any]:
        return [self.node]

    @property
    def missing_ledgers(self) -> dict[int, float]:
        return self.missing

    def statistics(self) -> Any:
        return SimpleNamespace(
            collectors=self.collectors,
            sources={"f": SimpleNamespace(read=self.read, position=self.position)},
            run_failing=self.run_failing,
        )

    @property
    def reason(self) -> str:
        """The one reason; empty while ready."""
        found = self.readiness.reasons()
        assert len(found) <= 1, found
        return found[0] if found else ""


def set_node(state: str, problem: str = "") -> Callable[[World], None]:
    def change(world: World) -> None:
        world.node.state, world.node.problem = state, problem

    return change


def set_collector(failing: str | None, busy: float) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.collector.failing, world.collector.busy = failing, busy

    return change


def set_now(now: float) -> Callable[[World], None]:
    return lambda world: setattr(world, "now", now)


REASONS: dict[str, tuple[Callable[[World], None], str]] = {
    "no node is ready": (
        set_node("down", "connection refused"),
        "no node is ready: ws://a is down (connection refused)",
    ),
    "no node serves ledger": (
        lambda world: world.missing.update({9: 12.0}),
        "no node serves ledger 9, for 12 s now",
    ),
    "the network stands still": (
        set_now(61.0),
        "the network stands still: no ledger after 7 for 61 s",
    ),
    "is failing": (set_collector("no route", 0.0), "f/s/c is failing: no route"),
    "has not acknowledged a batch": (
        set_collector(None, 16.0),
        "f/s/c has not acknowledged a batch for 16 s",
    ),
    "the dead-letter collector is failing": (
        lambda world: world.run_failing.update({"the dead-letter collector": "disk full"}),
        "the dead-letter collector is failing: disk full",
    ),
    "was the network reset?": (
        lambda world: setattr(world, "position", 30),
        "the state is at ledger 30, and the newest of the network is 9: was the network reset? "
        "Then start with another folder",
    ),
    "draining": (lambda world: setattr(world, "draining", True), "draining"),
    "the collectors are being opened": (
        lambda world: world.collectors.clear(),
        "the collectors are being opened",
    ),
    "no ledger has been read yet": (
        lambda world: setattr(world, "read", 0),
        "no ledger has been read yet",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_is_said_and_documented(name: str) -> None:
    world = World()
    assert world.reason == ""
    change, reason = REASONS[name]
    change(world)
    assert world.reason == reason
    assert name in DOCS.read_text(), "operate-the-daemon.md does not describe this reason"


def test_what_a_node_was_before_is_not_why_it_connects_now() -> None:
    world = World()
    set_node("connecting", "connection refused")(world)
    assert world.reason == "no node is ready: ws://a is connecting"


def test_a_node_that_is_connected_is_not_said_to_be_missing() -> None:
    world = World()
    world.readiness = Readiness(sink_patience=1, network_patience=1)
    assert world.reason == "no node is connected yet"
    world.readiness.connecting(world)  # type: ignore[arg-type]
    set_node("down", "connection refused")(world)
    assert world.reason == "no node is connected yet: ws://a: connection refused"
    set_node("ready", "connection refused")(world)
    assert world.reason == "a node is connected, and the run is about to begin"
    for documented in ("no node is connected yet", "the run is about to begin"):
        assert documented in DOCS.read_text()


def test_a_sink_that_failed_and_now_hangs_says_both() -> None:
    world = World()
    set_collector("connection refused", 20.0)(world)
    assert world.reason == (
        "f/s/c is failing: connection refused; now it has not acknowledged a batch for 20 s"
    )


def test_one_sink_that_is_down_is_said_once() -> None:
    world = World()
    set_collector("connection refused", 0.0)(world)
    world.collectors["f/other/c"] = world.collector
    assert world.readiness.reasons() == ["c (at 2 places) is failing: connection refused"]
    world.collectors["f/other/c"] = SimpleNamespace(failing="no route", busy=0.0)
    assert len(world.readiness.reasons()) == 2


def test_a_node_that_is_a_little_behind_is_no_other_network() -> None:
    world = World()
    world.position = 29
    assert world.reason == ""


def test_a_new_ledger_ends_the_standstill() -> None:
    world = World()
    world.now = 100.0
    assert "no ledger after 7 for 100 s" in world.reason
    world.readiness.note_ledger(8)
    assert world.reason == ""


async def test_not_ready_while_the_network_stands_still(
    running: Running, http: Http, node: Node
) -> None:
    """The node answers every request, and its ledgers end."""
    config = "[http]\nnetwork_patience = 1.5\n[node]\nliveness = 600\n"
    async with (
        node(close_every=0.02, start_at=LAST - 10) as served,
        running(config, network=served.url, **{"from": LAST - 10}),
    ):
        await http.until("/ready", 200)
        content = await http.until("/ready", 503, "the network stands still")
        assert content["reasons"][0].startswith("the network stands still: no ledger after 540")
