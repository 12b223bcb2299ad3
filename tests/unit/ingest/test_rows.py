"""The first reading of each tag and time is stored; another value at that time is not forgotten."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.rows import Rows, first_of_each, rows_of
from line.messages import Batch

SAID = st.tuples(st.integers(1, 3), st.integers(0, 3), st.sampled_from([0.0, 1.0, nan]), st.sampled_from([192, 0]))


def rows(said: list[tuple[int, int, float, int]]) -> Rows:
    points, times, values, qualities = (
        (list(column) for column in zip(*said, strict=True)) if said else ([], [], [], [])
    )
    count = len(said)
    return Rows(
        np.array(points, np.int32),
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(qualities, np.uint8),
        np.zeros(count, np.uint8),
        np.array(times, np.int64),
        np.arange(count, dtype=np.int64),
        np.ones(count, np.int32),
    )


def told(found: Rows) -> list[tuple[int, int, float | None, int]]:
    said = zip(found.points.tolist(), found.t_ms.tolist(), found.values.tolist(), found.qualities.tolist(), strict=True)
    return [(point, t, None if isnan(value) else value, quality) for point, t, value, quality in said]


@given(st.lists(SAID, max_size=30))
def test_the_first_stays_repeats_vanish_others_are_given_back(said: list[tuple[int, int, float, int]]) -> None:
    kept: dict[tuple[int, int], tuple[float | None, int]] = {}
    others = []
    for point, t, value, quality in said:
        plain = None if isnan(value) else value
        there = kept.setdefault((point, t), (plain, quality))
        if there != (plain, quality):
            others.append((point, t, plain, quality))
    first, rest = first_of_each(rows(said))
    assert told(first) == [(point, t, value, quality) for (point, t), (value, quality) in kept.items()]
    assert told(rest) == others


def test_what_is_stored_already_decides_which_of_the_others_is_a_repeat() -> None:
    every = rows([(1, 5, 3.0, 192), (1, 5, 0.0, 192), (2, 5, nan, 0), (1, 6, 1.0, 192)])
    stored = {(1, 5): (0.0, 192), (2, 5): (nan, 0)}
    assert told(every.with_keys(stored)) == [(1, 5, 3.0, 192), (1, 5, 0.0, 192), (2, 5, None, 0)]
    assert told(every.but_equal(stored)) == [(1, 5, 3.0, 192), (1, 6, 1.0, 192)]


def test_rows_carry_the_arrival_and_the_gateway_of_their_message() -> None:
    batch = Batch(
        registry=1,
        hashes=np.zeros(2, np.uint64),
        gateways=np.array([7, -1], np.int32),
        at_ms=np.array([50, 60], np.int64),
        message=np.array([0, 1, 1], np.int32),
        points=np.array([1, 2, 3], np.int32),
        t_ms=np.array([86_400_000, 5, 6], np.int64),
        values=np.zeros(3),
        qualities=np.full(3, 192, np.uint8),
        clocks=np.zeros(3, np.uint8),
        source_t_ms=np.zeros(3, np.int64),
    )
    found = rows_of([batch, batch])
    assert found.received_ms.tolist() == [50, 60, 60, 50, 60, 60]
    assert found.gateways.tolist() == [7, -1, -1, 7, -1, -1]
    assert found.days() == [0, 1]
    assert len(rows_of([])) == 0
