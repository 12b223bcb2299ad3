"""Faults of instruments and gateways: each does what it says and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.faults import (
    KINDS,
    BadQuality,
    ClockSkew,
    Dead,
    Drift,
    Duplicate,
    FaultError,
    Late,
    Noise,
    Only,
    OutOfOrder,
    Stuck,
    Together,
    applied,
    configured,
)
from simulators.reading import BAD, GOOD, Reading

DAY = [Reading(second * 1000, "T", float(second)) for second in range(100)]
READINGS = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from("AB"), st.floats(-1e6, 1e6)), max_size=60).map(
    lambda rows: [Reading(t, tag, value) for t, tag, value in sorted(rows)]
)


def test_noise_moves_values_and_nothing_else() -> None:
    worse = list(applied(Noise(0.5), DAY))
    assert [one.t_ms for one in worse] == [one.t_ms for one in DAY]
    assert 0 < max(abs((a.value or 0) - (b.value or 0)) for a, b in zip(worse, DAY, strict=True)) < 3


def test_drift_grows_with_time() -> None:
    worse = list(applied(Drift(3600.0, since_ms=50_000), DAY))
    assert worse[50] == DAY[50]
    assert worse[99].value == pytest.approx(99 + 49)


def test_a_stuck_instrument_repeats_its_last_value_and_comes_back() -> None:
    worse = list(applied(Stuck(since_ms=50_000, until_ms=60_000), DAY))
    assert [one.value for one in worse[48:62]] == [48, *[49] * 11, 60, 61]
    assert [one.t_ms for one in worse] == [one.t_ms for one in DAY]


def test_a_dead_instrument_is_silent_for_its_time() -> None:
    worse = list(applied(Dead(10_000, 20_000), DAY))
    assert [one.t_ms for one in worse] == [one.t_ms for one in DAY if not 10_000 <= one.t_ms < 20_000]


def test_bad_quality_is_a_reading_without_a_value() -> None:
    worse = list(applied(BadQuality(0.3), DAY))
    assert len(worse) == len(DAY)
    assert {(one.value is None, one.quality) for one in worse} == {(True, BAD), (False, GOOD)}


def test_a_skewed_clock_moves_times_alone() -> None:
    assert [one.t_ms for one in applied(ClockSkew(5_000), DAY)] == [one.t_ms + 5_000 for one in DAY]


@given(READINGS, st.integers(0, 99))
def test_a_duplicate_follows_its_original_at_once(readings: list[Reading], seed: int) -> None:
    worse = list(applied(Duplicate(0.5, seed), readings))
    at = 0
    for one in readings:
        assert worse[at] == one
        at += 1
        if at < len(worse) and worse[at] is one:
            at += 1
    assert at == len(worse)


@given(READINGS, st.integers(0, 99), st.integers(1, 50_000))
def test_late_readings_lose_their_place_but_not_their_time(readings: list[Reading], seed: int, by_ms: int) -> None:
    worse = list(applied(Late(by_ms, 0.4, seed), readings))
    assert sorted(worse) == sorted(readings)


def test_a_late_reading_comes_when_its_delay_is_over_and_not_before() -> None:
    late = Late(5_000, 1.0)
    out = [[one.t_ms for one in late.react(reading)] for reading in DAY[:8]]
    assert out == [[], [], [], [], [], [0], [1_000], [2_000]]
    assert [one.t_ms for one in late.rest()] == [3_000, 4_000, 5_000, 6_000, 7_000]


@given(READINGS, st.integers(0, 99), st.integers(1, 20))
def test_disorder_loses_nothing_and_keeps_to_its_window(readings: list[Reading], seed: int, window: int) -> None:
    worse = list(applied(OutOfOrder(window, seed), readings))
    assert sorted(worse) == sorted(readings)
    places = {id(one): place for place, one in enumerate(readings)}
    assert all(places[id(one)] <= place + window - 1 for place, one in enumerate(worse))


@given(READINGS)
def test_what_is_not_the_faults_tag_passes_untouched(readings: list[Reading]) -> None:
    worse = list(applied(Only({"A"}, Dead()), readings))
    assert worse == [one for one in readings if one.tag != "A"]


def test_faults_compose_in_their_order() -> None:
    worse = list(applied(Together(Stuck(0), ClockSkew(1)), DAY))
    assert {one.value for one in worse} == {0.0}
    assert worse[0].t_ms == 1


@given(READINGS, st.integers(0, 9))
def test_what_one_fault_held_back_still_goes_through_the_next(readings: list[Reading], seed: int) -> None:
    worse = list(applied(Together(Late(10**7, 0.5, seed), OutOfOrder(5, seed), ClockSkew(7)), readings))
    assert sorted(worse) == sorted(one._replace(t_ms=one.t_ms + 7) for one in readings)


@given(READINGS, st.integers(0, 9))
def test_the_same_seed_makes_the_same_faults(readings: list[Reading], seed: int) -> None:
    one, other = (list(applied(Together(Duplicate(0.3, seed), Late(500, 0.3, seed)), readings)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    "given",
    [
        {"fault": "noise", "sigma": 0.1},
        {"fault": "drift", "per_hour": 1, "after_s": 10},
        {"fault": "stuck", "after_s": 10, "for_s": 60},
        {"fault": "dead", "after_s": 10, "for_s": 60},
        {"fault": "bad_quality", "share": 0.1},
        {"fault": "duplicate", "share": 0.1},
        {"fault": "late", "by_ms": 100, "share": 0.1},
        {"fault": "out_of_order", "window": 5},
        {"fault": "clock_skew", "by_ms": -60_000},
    ],
    ids=lambda given: str(given["fault"]),
)
def test_every_kind_of_fault_can_be_configured(given: dict[str, Any]) -> None:
    list(applied(configured({**given, "tags": ["T"]}, now_ms=0), DAY))
    assert given["fault"] in KINDS


def test_a_configured_time_counts_from_now() -> None:
    fault = configured({"fault": "dead", "after_s": 10, "for_s": 5}, now_ms=20_000)
    assert [one.t_ms for one in applied(fault, DAY[28:37])] == [28_000, 29_000, 35_000, 36_000]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fault": "gremlins"}, "there is no fault 'gremlins'; there are noise, drift"),
        ({}, "there is no fault None"),
        ({"fault": "noise"}, "noise: .*sigma"),
        ({"fault": "noise", "sigma": 1, "colour": "pink"}, "noise: .*colour"),
    ],
    ids=["unknown", "none", "missing", "unexpected"],
)
def test_a_fault_that_there_is_not_is_said(given: dict[str, Any], said: str) -> None:
    with pytest.raises(FaultError, match=said):
        configured(given, now_ms=0)
