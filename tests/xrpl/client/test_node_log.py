"""What the log says of one node: a line when something is new, and the same again once a minute."""

from __future__ import annotations

import pytest

from ekspiper.xrpl.client._node_log import NodeLog


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", logger="ekspiper.xrpl.client")
    return caplog


def test_a_node_that_stays_away_is_one_line_a_minute(said: pytest.LogCaptureFixture) -> None:
    log = NodeLog("ws://one")
    for second in range(121):
        log.unreachable("refused", float(second))
    assert said.messages == ["cannot reach ws://one: refused; trying again"] * 3


def test_another_reason_is_said_at_once(said: pytest.LogCaptureFixture) -> None:
    log = NodeLog("ws://one")
    for second, why in enumerate(("refused", "refused", "no route")):
        log.unreachable(why, float(second))
    assert said.messages == [
        "cannot reach ws://one: refused; trying again",
        "cannot reach ws://one: no route; trying again",
    ]


def test_details_that_change_do_not_make_a_line_new(said: pytest.LogCaptureFixture) -> None:
    log = NodeLog("ws://one")
    for second in range(60):
        log.slow("ledger", 1.0 + second, float(second), other="ws://two")
        log.not_believed(f"names ledger {second}", float(second))
        log.unable("ledger", "lgrNotFound", float(second))
    log.unable("ledger", "noLedger", 60.0)
    assert said.messages == [
        "ws://one has not answered ledger for 1.0 s: asking ws://two",
        "ws://one names ledger 0: not believed",
        "ws://one cannot answer ledger (lgrNotFound): asking again",
        "ws://one cannot answer ledger (noLedger): asking again",
    ]


def test_two_nodes_have_a_log_each(said: pytest.LogCaptureFixture) -> None:
    for label in ("ws://one", "ws://two"):
        NodeLog(label).not_believed("lies", 0.0)
    assert len(said.messages) == 2
