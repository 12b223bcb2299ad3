"""Whose clock is wrong: the shift of impossible times, and when it is our own clock that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clocks import AHEAD_MS, YEAR_2000_MS, Clocks, shift_ms

NOW = 1_767_225_600_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("newest", "shift"),
    [
        pytest.param(NOW, 0, id="right"),
        pytest.param(NOW + AHEAD_MS, 0, id="10 s ahead"),
        pytest.param(NOW + AHEAD_MS + 1, -AHEAD_MS - 1, id="more than 10 s ahead"),
        pytest.param(NOW - 30 * 24 * HOUR, 0, id="a backlog of a month"),
        pytest.param(YEAR_2000_MS, 0, id="the first moment of 2000"),
        pytest.param(YEAR_2000_MS - 1, NOW - YEAR_2000_MS + 1, id="before 2000"),
        pytest.param(NOW // 1000, NOW - NOW // 1000, id="seconds"),
        pytest.param(4_070_908_800_000, NOW - 4_070_908_800_000, id="2099"),
    ],
)
def test_impossible_times_end_at_the_arrival(newest: int, shift: int) -> None:
    assert shift_ms(newest, NOW) == shift


@given(st.integers(-(10**15), 10**15))
def test_after_the_shift_no_time_is_impossible(newest: int) -> None:
    shifted = newest + shift_ms(newest, NOW)
    assert YEAR_2000_MS <= shifted <= NOW + AHEAD_MS


def test_a_gateway_with_a_wrong_clock_is_shifted_and_named() -> None:
    clocks = Clocks()
    assert clocks.judge(1, NOW + HOUR, NOW) == -HOUR
    assert clocks.judge(2, NOW, NOW) == 0
    assert (clocks.is_wrong(1), clocks.is_wrong(2), clocks.is_wrong(3)) == (True, False, False)
    assert not clocks.ours_is_wrong


def test_a_clock_is_well_again_a_minute_after_its_last_wrong_time() -> None:
    clocks = Clocks()
    clocks.judge(1, NOW + HOUR, NOW)
    clocks.judge(1, NOW + 59_000, NOW + 59_000)
    assert clocks.is_wrong(1)
    clocks.judge(1, NOW + 60_000, NOW + 60_000)
    assert not clocks.is_wrong(1)


def test_a_gateway_that_falls_silent_with_a_wrong_clock_stays_wrong() -> None:
    clocks = Clocks()
    clocks.judge(1, NOW + HOUR, NOW)
    clocks.tick(NOW + 10 * HOUR)
    assert clocks.is_wrong(1)


def test_when_most_gateways_are_ahead_by_the_same_amount_it_is_our_clock() -> None:
    clocks = Clocks()
    for gateway in range(5):
        clocks.judge(gateway, NOW + HOUR + gateway * 100, NOW)
    assert clocks.ours_is_wrong
    assert clocks.judge(1, NOW + HOUR + 2_000, NOW + 2_000) == 0
    assert clocks.judge(9, NOW + 3 * HOUR, NOW + 2_000) == -3 * HOUR + 2_000, (
        "another amount is that gateway's own fault"
    )
    for gateway in range(5):  # our clock is put right
        clocks.judge(gateway, NOW + HOUR, NOW + HOUR)
    assert not clocks.ours_is_wrong


def test_half_of_the_gateways_is_not_most() -> None:
    clocks = Clocks()
    for gateway in range(4):
        clocks.judge(gateway, NOW, NOW)
    shifts = [clocks.judge(4 + gateway, NOW + HOUR, NOW) for gateway in range(4)]
    assert shifts == [-HOUR] * 4
    assert not clocks.ours_is_wrong


def test_two_gateways_alone_are_no_majority() -> None:
    clocks = Clocks()
    assert [clocks.judge(gateway, NOW + HOUR, NOW) for gateway in (1, 2)] == [-HOUR, -HOUR]
    assert not clocks.ours_is_wrong


def test_gateways_ahead_by_different_amounts_do_not_accuse_us() -> None:
    clocks = Clocks()
    for gateway in range(6):
        assert clocks.judge(gateway, NOW + HOUR * (gateway + 1), NOW) == -HOUR * (gateway + 1)
    assert not clocks.ours_is_wrong


def test_gateways_that_have_left_have_no_say() -> None:
    clocks = Clocks()
    for gateway in range(5):
        clocks.judge(gateway, NOW, NOW)
    later = NOW + HOUR
    for gateway in range(10, 14):
        clocks.judge(gateway, later + HOUR, later)
    assert clocks.ours_is_wrong
