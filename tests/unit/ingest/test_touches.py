"""Which hours a transaction touches: the live ones as a whole, late ones tag by tag."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.rows import Rows
from ingest.touches import FEW, HOUR_MS, Touch, touches

NOW_H = 490_000  # hours since 1970


def rows(said: list[tuple[int, float]]) -> Rows:
    """Readings as (point, hours since 1970), all received now."""
    count = len(said)
    return Rows(
        points=np.array([point for point, _ in said], np.int32),
        t_ms=np.array([int(hour * HOUR_MS) for _, hour in said], np.int64),
        values=np.zeros(count),
        qualities=np.full(count, 192, np.uint8),
        clocks=np.zeros(count, np.uint8),
        source_t_ms=np.zeros(count, np.int64),
        received_ms=np.full(count, NOW_H * HOUR_MS, np.int64),
        gateways=np.zeros(count, np.int32),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(1, NOW_H), (2, NOW_H + 0.5)], [(NOW_H, None)], id="live: the hour as a whole"),
        pytest.param([(1, NOW_H - 0.1)], [(NOW_H - 1, None)], id="the hour that has just ended too"),
        pytest.param([(7, NOW_H + 900)], [(NOW_H + 900, None)], id="a clock that is ahead"),
        pytest.param(
            [(2, NOW_H - 50), (1, NOW_H - 50), (2, NOW_H - 50), (2, NOW_H - 49)],
            [(NOW_H - 50, 1), (NOW_H - 50, 2), (NOW_H - 49, 2)],
            id="late: tag by tag",
        ),
        pytest.param([(1, -0.5)], [(-1, 1)], id="before 1970"),
        pytest.param([(n, NOW_H - 50) for n in range(FEW + 1)], [(NOW_H - 50, None)], id="late, of many tags"),
    ],
)
def test_what_is_touched(said: list[tuple[int, float]], expected: list[Touch]) -> None:
    assert touches(rows(said)) == expected


def test_a_long_backlog_of_many_tags_touches_hours() -> None:
    said: list[tuple[int, float]] = [(point, NOW_H - 10 - hour) for hour in range(30) for point in range(90)]
    assert touches(rows(said)) == [(NOW_H - 10 - hour, None) for hour in reversed(range(30))]
