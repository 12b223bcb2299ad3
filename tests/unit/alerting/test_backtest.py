"""Two runs over the same readings: what rings in one, in the other, in both."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.backtest import Backtest, Span, touched
from ingest.stored import Readings
from registry.alarms import AlarmSettings, Plan, PointSettings, RuleSettings

H80 = AlarmSettings(80.0, deadband=2.0, priority=3)
DAY = 86_400_000
START = 20_000 * DAY


def plan(**limits: float) -> Plan:
    return Plan(
        1,
        tuple(
            PointSettings(n, "E", "S", tag, alarms={"H": msgspec.structs.replace(H80, limit=limit)})
            for n, (tag, limit) in enumerate(limits.items())
        ),
    )


def readings(rows: list[tuple[int, int, float]]) -> Readings:
    """Of time after START in seconds, point and value."""
    t, points, values = zip(*rows, strict=True)
    return Readings(
        np.array(t, np.int64) * 1_000 + START, np.array(points, np.int32), np.array(values, np.float64),
        np.full(len(t), 192, np.uint8),
    )  # fmt: skip


def peaks(point: int, *heights: float) -> list[tuple[int, int, float]]:
    """A peak every hour, ten minutes long."""
    return [row for n, v in enumerate(heights) for row in ((n * 3600, point, v), (n * 3600 + 600, point, 50.0))]


def test_a_higher_limit_rings_less_often_and_says_which_are_spared() -> None:
    backtest = Backtest(plan(T=80.0), plan(T=90.0))
    backtest.take(readings(peaks(0, 85, 95, 88)))
    result = backtest.result(START, START + DAY)
    assert (result.before.raised, result.after.raised, result.both_count, result.readings) == (3, 1, 1, 6)
    assert [(span.raised_at - START) // 1000 for span in result.only_before] == [0, 7200]
    assert (result.only_after, result.only_after_count, result.cut) == ([], 0, False)
    assert (result.before.per_day, result.after.per_day) == (3.0, 1.0)
    (tag,) = result.tags
    assert (tag.tag, tag.alarm, tag.before, tag.after, tag.only_before, tag.only_after) == ("T", "H", 3, 1, 2, 0)
    assert (tag.first_before, tag.first_after) == (START, START + 3_600_000)
    assert [(day.before, day.after) for day in result.days] == [(3, 1)]


def test_a_lower_limit_rings_anew_and_what_begins_earlier_is_the_same_occurrence() -> None:
    backtest = Backtest(plan(T=80.0), plan(T=70.0))
    backtest.take(readings([(0, 0, 50), (10, 0, 75), (20, 0, 85), (30, 0, 50), (100, 0, 72), (110, 0, 50)]))
    result = backtest.result(START, START + DAY)
    assert (result.before.raised, result.after.raised, result.both_count, result.only_after_count) == (1, 2, 1, 1)
    (new,) = result.only_after
    assert (new.raised_at, new.returned_at, new.limit) == (START + 100_000, START + 110_000, 70.0)
    ((pair),) = result.both
    assert (pair.before.raised_at, pair.after.raised_at) == (START + 20_000, START + 10_000)


def test_a_flood_is_counted_as_the_figures_of_merit_count_it() -> None:
    rows = [row for n in range(12) for row in ((n * 30, n, 85.0), (n * 30 + 15, n, 50.0))]
    backtest = Backtest(plan(**{f"T{n}": 80.0 for n in range(12)}), plan(**{f"T{n}": 99.0 for n in range(12)}))
    backtest.take(readings(sorted(rows)))
    result = backtest.result(START, START + DAY)
    assert (result.before.floods, result.after.floods, result.after.annunciated) == (1, 0, 0)
    assert result.before.flood_s == pytest.approx(600 + 7 * 30 - 10 * 30)  # from the eleventh until four are left
    assert result.before.flood_share == pytest.approx(result.before.flood_s / 86_400)


def test_an_alarm_that_stands_at_the_end_has_not_returned_and_a_delay_that_runs_out_before_it_rings() -> None:
    delayed = PointSettings(0, "E", "S", "T", alarms={"H": msgspec.structs.replace(H80, on_delay_ms=60_000)})
    backtest = Backtest(plan(T=80.0), Plan(1, (delayed,)))
    backtest.take(readings([(0, 0, 85.0)]))
    result = backtest.result(START, START + DAY)
    assert (result.before.raised, result.after.raised, result.both_count) == (1, 1, 1)


def test_nothing_stored_is_a_result_too() -> None:
    result = Backtest(plan(T=80.0), plan(T=90.0)).result(START, START + DAY)
    assert (result.readings, result.before.raised, result.tags) == (0, 0, [])


RULED = Plan(
    1,
    plan(A=80.0, B=80.0).points,
    (
        RuleSettings(8, "E", "S", "DIFF", "DEV", {"a": 0, "b": 1}, {"limit": 20.0}, AlarmSettings(1.0)),
        RuleSettings(9, "E", "S", "STILL", "STALE", {"value": 0}, {}, AlarmSettings(1.0)),
    ),
)
ROWS = st.lists(
    st.tuples(st.integers(0, 3_000), st.integers(0, 1), st.sampled_from([50.0, 79.0, 81.0, 95.0])), max_size=40
)


@given(ROWS, st.lists(st.integers(0, 40), max_size=5))
def test_how_the_readings_are_cut_changes_nothing(rows: list[tuple[int, int, float]], cuts: list[int]) -> None:
    rows = sorted({row[:2]: row for row in rows}.values())
    stale = tuple(msgspec.structs.replace(point, stale_ms=60_000) for point in RULED.points)
    whole, cut = (Backtest(RULED, msgspec.structs.replace(RULED, points=stale)) for _ in range(2))
    if rows:
        whole.take(readings(rows))
    ends = sorted({*cuts, len(rows)})
    for begin, end in zip([0, *ends], ends, strict=False):
        if rows[begin:end]:
            cut.take(readings(rows[begin:end]))
    assert cut.result(START, START + DAY) == whole.result(START, START + DAY)


SPANS = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(0, 20), st.integers(0, 4)).map(
        lambda made: Span("E", made[0], "H", made[1], made[1] + made[2])
    ),
    max_size=12,
)


def disjoint(spans: list[Span]) -> list[Span]:
    """Of one alarm none overlaps another, as in a run."""
    end: dict[str, int] = {}
    kept = []
    for span in sorted(spans, key=lambda span: span.raised_at):
        if span.raised_at > end.get(span.tag, -1):
            kept.append(span)
            end[span.tag] = span.returned_at or 0
    return kept


@given(SPANS, SPANS)
def test_what_touches_is_found_as_by_looking_at_all(spans: list[Span], others: list[Span]) -> None:
    mine, theirs = disjoint(spans), disjoint(others)
    assert touched(mine, theirs) == [(a, next((b for b in theirs if touch(a, b)), None)) for a in mine]


def touch(a: Span, b: Span) -> bool:
    return a.tag == b.tag and a.raised_at <= (b.returned_at or 0) and b.raised_at <= (a.returned_at or 0)
