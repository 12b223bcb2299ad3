"""The newest value of every tag, whatever order readings come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard_api.live.values import Live, Values
from line.messages import Batch
from registry.site import Site, Tag

SITE = Site(tags={f"E/T{n}": Tag("E", f"S{n % 2}", f"T{n}", "other", "m", id=n) for n in range(1, 5)})


def batch(rows: list[tuple[int, int, float]], at_ms: int = 100) -> Batch:
    count = len(rows)
    points, times, values = zip(*rows, strict=True)
    return Batch(
        registry=1,
        hashes=np.zeros(1, np.uint64),
        gateways=np.zeros(1, np.int32),
        at_ms=np.array([at_ms], np.int64),
        message=np.zeros(count, np.int32),
        points=np.array(points, np.int32),
        t_ms=np.array(times, np.int64),
        values=np.array(values, np.float64),
        qualities=np.full(count, 192, np.uint8),
        clocks=np.zeros(count, np.uint8),
        source_t_ms=np.array(times, np.int64),
    )


ROWS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5), st.floats(-9, 9)), min_size=1, max_size=30)


@given(ROWS, st.integers(1, 29))
def test_the_newest_wins_and_of_one_time_the_last_however_it_is_cut(
    rows: list[tuple[int, int, float]], cut: int
) -> None:
    values = Values()
    values.arrange(SITE)
    for part in (rows[:cut], rows[cut:]):
        if part:
            values.take(batch(part))
    for point in {point for point, _, _ in rows}:
        own = [(t, value) for other, t, value in rows if other == point]
        newest = max(t for t, _ in own)
        live = values.live(point)
        assert live is not None
        assert (live.t, live.value) == (newest, [value for t, value in own if t == newest][-1])


def test_a_reading_without_a_number_shows_as_none() -> None:
    values = Values()
    values.arrange(SITE)
    values.take(batch([(1, 5, float("nan"))]))
    assert values.live(1) == Live(None, 192, 5, 100)
    assert values.live(2) is None
    assert values.live(99) is None


def test_only_what_is_new_is_shown_again() -> None:
    values = Values()
    values.arrange(SITE)
    values.take(batch([(1, 5, 1.0), (2, 5, 2.0)]))
    assert values.fresh(["E/S1"]) == {"E/S1": {"T1": Live(1.0, 192, 5, 100)}}
    assert values.fresh(["E/S1"]) == {}
    values.take(batch([(3, 6, 3.0)]))
    assert values.fresh(["E/S0", "E/S1"]) == {
        "E/S0": {"T2": Live(2.0, 192, 5, 100)},
        "E/S1": {"T3": Live(3.0, 192, 6, 100)},
    }
    assert set(values.all_of("E/S1")) == {"T1", "T3"}
