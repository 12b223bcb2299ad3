"""Faults of instruments and gateways: each does what it says and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators import faults
from simulators.reading import Reading

DAY = [Reading(second * 1000, "T", float(second)) for second in range(100)]
READINGS = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from("AB"), st.floats(-1e6, 1e6)), max_size=60).map(
    lambda rows: [Reading(t, tag, value) for t, tag, value in sorted(rows)]
)


def test_noise_moves_values_and_nothing_else() -> None:
    worse = list(faults.noise(0.5, seed=1)(DAY))
    assert [one.t_ms for one in worse] == [one.t_ms for one in DAY]
    assert 0 < max(abs((a.value or 0) - (b.value or 0)) for a, b in zip(worse, DAY, strict=True)) < 3


def test_drift_grows_with_time() -> None:
    worse = list(faults.drift(3600.0, since_ms=50_000)(DAY))
    assert worse[50] == DAY[50]
    assert worse[99].value == 99 + 49


def test_a_stuck_instrument_repeats_its_last_value() -> None:
    worse = list(faults.stuck(since_ms=50_000)(DAY))
    assert [one.value for one in worse[49:53]] == [49, 49, 49, 49]


def test_a_dead_instrument_is_silent_for_its_time() -> None:
    worse = list(faults.dead(10_000, 20_000)(DAY))
    assert [one.t_ms for one in worse] == [one.t_ms for one in DAY if not 10_000 <= one.t_ms < 20_000]


def test_a_skewed_clock_moves_times_alone() -> None:
    assert [one.t_ms for one in faults.clock_skew(5_000)(DAY)] == [one.t_ms + 5_000 for one in DAY]


@given(READINGS, st.integers(0, 99))
def test_a_duplicate_follows_its_original_at_once(readings: list[Reading], seed: int) -> None:
    worse = list(faults.duplicate(0.5, seed)(readings))
    at = 0
    for one in readings:
        assert worse[at] == one
        at += 1
        if at < len(worse) and worse[at] is one:
            at += 1
    assert at == len(worse)


@given(READINGS, st.integers(0, 99), st.integers(1, 50_000))
def test_late_readings_lose_their_place_but_not_their_time(readings: list[Reading], seed: int, by_ms: int) -> None:
    worse = list(faults.late(by_ms, 0.4, seed)(readings))
    assert sorted(worse) == sorted(readings)


@given(READINGS, st.integers(0, 99), st.integers(1, 20))
def test_disorder_loses_nothing_and_keeps_to_its_window(readings: list[Reading], seed: int, window: int) -> None:
    worse = list(faults.out_of_order(window, seed)(readings))
    assert sorted(worse) == sorted(readings)


def test_faults_compose_in_their_order() -> None:
    worse = list(faults.together(faults.stuck(0), faults.clock_skew(1))(DAY))
    assert {one.value for one in worse} == {0.0}
    assert worse[0].t_ms == 1
