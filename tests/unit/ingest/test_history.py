"""How wide the bins of a trend are, and the cursors of lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.history import ORIGIN, bin_width_ms

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "points", "width_s"),
    [
        (timedelta(seconds=10), 101, 0.1),
        (timedelta(hours=1), 500, 10),
        (timedelta(days=30), 2000, 1800),
        (timedelta(days=3650), 500, 8 * 86400),
    ],
)
def test_widths_are_such_as_people_read(span: timedelta, points: int, width_s: float) -> None:
    assert bin_width_ms(BEGIN, BEGIN + span, points) == width_s * 1000


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  bounds are naive
    st.integers(1, 10**12),
    st.integers(1, 5000),
)
def test_never_more_bins_than_points(begin: datetime, span_ms: int, points: int) -> None:
    end = begin + timedelta(milliseconds=span_ms)
    width = timedelta(milliseconds=bin_width_ms(begin, end, points))
    origin = ORIGIN if points > 1 else begin
    last = end - timedelta(microseconds=1)
    assert (last - origin) // width - (begin - origin) // width + 1 <= points
