"""How many notices a minute one contact gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerting.notifier.grouping import MOST, SPAN_MS, Window


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 4))))
def test_never_more_than_five_a_minute_beside_the_urgent_ones(steps: list[tuple[int, int]]) -> None:
    window, now, sent = Window(), 0, []
    for pause, priority in steps:
        now += pause
        if window.admits(now, priority):
            window.sent(now)
            sent.append((now, priority))
    for at, priority in sent:
        if priority > 1:
            before = [one for one, _ in sent if at - SPAN_MS < one < at]
            assert len(before) < MOST or not before


@given(st.lists(st.integers(0, 200_000), max_size=20), st.integers(0, 300_000))
def test_it_opens_when_it_says(sent: list[int], now: int) -> None:
    window = Window(sent)
    opens = window.opens_at(now)
    assert opens >= now
    assert window.admits(opens, 4)
    assert window.admits(now, 1)


def test_a_life_that_begins_remembers_what_was_sent() -> None:
    assert not Window(range(MOST)).admits(100, 2)
    assert Window(range(MOST)).admits(SPAN_MS, 2)
