from __future__ import annotations

from ekspiper.xrpl.client._liveness import Liveness, Sign


def look(liveness: Liveness, now: float, received: int, subscribed: bool = False) -> Sign:
    return liveness.look(now, received=received, subscribed=subscribed)


def test_silence_is_asked_about_and_then_dead() -> None:
    liveness = Liveness(15.0)
    liveness.connected(100.0)
    assert look(liveness, 104.9, 0) is Sign.ALIVE
    assert look(liveness, 105.1, 0) is Sign.SILENT
    assert look(liveness, 110.0, 0) is Sign.ALIVE
    assert look(liveness, 110.2, 0) is Sign.NO_ANSWER


def test_any_byte_is_a_sign_of_life() -> None:
    liveness = Liveness(15.0)
    liveness.connected(100.0)
    assert look(liveness, 105.1, 0) is Sign.SILENT
    assert look(liveness, 109.0, 7) is Sign.ALIVE
    assert look(liveness, 113.9, 7) is Sign.ALIVE
    assert look(liveness, 114.1, 7) is Sign.SILENT


def test_subscribed_connection_without_a_ledger_is_dead_after_its_timeout() -> None:
    liveness = Liveness(15.0)
    liveness.connected(0.0)
    assert look(liveness, 14.9, 1, subscribed=True) is Sign.ALIVE
    assert look(liveness, 15.1, 2, subscribed=True) is Sign.NO_LEDGER


def test_network_that_stands_still_is_tried_less_and_less_often() -> None:
    liveness = Liveness(15.0)
    waited = []
    now = 0.0
    for number in range(6):
        liveness.connected(now)
        start = now
        while look(liveness, now, int(now * 10) + number, subscribed=True) is not Sign.NO_LEDGER:
            now += 1.0
        waited.append(now - start)
    assert waited == [16.0, 31.0, 61.0, 121.0, 241.0, 241.0]
    liveness.ledger(now, is_new=True)
    assert look(liveness, now + 15.1, 0, subscribed=True) is Sign.NO_LEDGER


def test_time_without_a_subscription_does_not_count() -> None:
    liveness = Liveness(15.0)
    liveness.connected(0.0)
    assert look(liveness, 600.0, 1) is Sign.ALIVE
    assert look(liveness, 600.1, 2, subscribed=True) is Sign.ALIVE
    assert look(liveness, 614.9, 3, subscribed=True) is Sign.ALIVE
    assert look(liveness, 615.1, 4, subscribed=True) is Sign.NO_LEDGER
