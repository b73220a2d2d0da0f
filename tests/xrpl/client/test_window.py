from __future__ import annotations

from ekspiper.xrpl.client.window import Window


def test_grows_by_one_an_answer_at_first_up_to_the_maximum() -> None:
    window = Window(initial=4, maximum=10)
    for _ in range(20):
        window.succeeded(int(window.limit), now=0.0)
    assert window.limit == 10


def test_does_not_grow_while_it_is_not_what_bounds() -> None:
    window = Window(initial=16)
    for _ in range(50):
        window.succeeded(3, now=0.0)
    assert window.limit == 16


def test_halves_once_for_all_requests_that_were_under_way() -> None:
    window = Window(initial=16)
    assert window.overloaded(now=1.0)
    assert not any(window.overloaded(now=1.0 + i / 100) for i in range(10))
    assert window.limit == 8
    assert window.overloaded(now=60.0)
    assert window.limit == 4


def test_never_falls_below_one() -> None:
    window = Window(initial=1)
    for at in range(0, 1000, 100):
        window.overloaded(now=float(at))
    assert window.limit == 1


def test_after_the_first_halving_it_grows_by_one_a_round() -> None:
    window = Window(initial=8)
    window.overloaded(now=0.0, delay=0.0)
    for _ in range(4):
        window.succeeded(4, now=10.0)
    assert 4.8 < window.limit <= 5.0


def test_pauses_as_long_as_the_server_says() -> None:
    window = Window()
    window.overloaded(now=10.0, delay=3.0)
    assert not window.allows(0, now=12.9)
    assert window.allows(0, now=13.0)
    assert window.opens_at() == 13.0


def test_pauses_longer_each_time_without_a_hint_until_something_succeeds() -> None:
    window = Window()
    pauses = []
    now = 0.0
    for _ in range(9):
        window.overloaded(now)
        pauses.append(window.opens_at() - now)
        now = window.opens_at() + 1
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0]
    window.succeeded(1, now)
    window.overloaded(now)
    assert window.opens_at() - now == 0.25


def test_rate_spaces_requests_out() -> None:
    window = Window(rate=10)
    sent = []
    now = 100.0
    while len(sent) < 5:
        if window.allows(0, now):
            window.sent(now)
            sent.append(round(now, 2))
        now += 0.01
    assert sent[-1] - sent[0] >= 0.39


def test_full_window_allows_nothing() -> None:
    assert not Window(initial=2).allows(2, now=0.0)
    assert Window(initial=2).allows(1, now=0.0)
