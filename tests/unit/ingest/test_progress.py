"""Guesses and what was found to how much is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.progress import Far, Progress
from ingest.stored import Guess

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def guessed(*readings: float) -> Progress:
    return Progress([Guess(BEGIN + n * DAY, BEGIN + (n + 1) * DAY, count) for n, count in enumerate(readings)])


@pytest.mark.parametrize(
    ("days", "readings", "took_s", "far"),
    [
        pytest.param(0, 0, 0.0, Far(0.0, 0, 400, None), id="at the beginning there is only the guess"),
        pytest.param(1, 100, 2.0, Far(0.25, 100, 400, 6.0), id="as guessed"),
        pytest.param(1, 300, 2.0, Far(0.25, 300, 1200, 6.0), id="three times as many: the rest will be so too"),
        pytest.param(0.5, 50, 1.0, Far(0.125, 50, 400, 7.0), id="in the middle of a day"),
        pytest.param(2, 400, 8.0, Far(1.0, 400, 400, 0.0), id="at the end"),
    ],
)
def test_the_guess_is_put_right_by_what_was_found(days: float, readings: int, took_s: float, far: Far) -> None:
    assert guessed(100, 300).at(BEGIN + days * DAY, readings, took_s) == far


def test_empty_days_before_the_first_reading_promise_nothing() -> None:
    far = guessed(0, 0, 1_000_000).at(BEGIN + 2 * DAY, 0, 0.1)
    assert (far.remaining_s, far.about) == (None, 1_000_000)
    assert far.done < 0.001


def test_a_database_that_knows_nothing_yet_is_read_by_time() -> None:
    assert guessed(0, 0).at(BEGIN + DAY, 500, 3.0) == Far(0.5, 500, 1000, 3.0)
