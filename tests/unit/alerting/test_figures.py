"""Tables of cases for each figure of merit, with what lies exactly on its border, and random histories beside a naive
reference."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import figures
from alerting.events import Ev, Event, State
from alerting.figures import Figures
from alerting.floods import Peak
from alerting.record import AlarmName, Piece, of_events, of_pieces, pieces

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
T0 = 1_767_225_600_000  # an hour and a day begin here


def event(t: int, ev: Ev = Ev.ACTIVE, state: State | None = None, *, tag: str = "T1", **more: Any) -> Event:
    after = {Ev.ACTIVE: State.UNACK, Ev.REALARM: State.UNACK, Ev.RTN: State.RTNUN, Ev.ACK: State.ACKED}
    fields = {"enterprise": "E1", "source": "S1", "alarm": "H", "alarm_id": tag, "priority": 3, "occ": 1, **more}
    return Event(t=T0 + t, ev=ev, state=state or after[ev], tag=tag, **fields)


def rings(times: Iterable[int], **more: Any) -> list[Event]:
    return [event(t, ann=True, tag=f"T{n}", **more) for n, t in enumerate(times)]


def of(events: Iterable[Event], hours: float = 24, begin: int = 0) -> Figures:
    return figures.of_period(of_events(events), T0 + begin, T0 + begin + int(hours * HOUR))


def name(tag: str) -> AlarmName:
    return AlarmName("E1", "S1", tag, "H")


# What counts


@pytest.mark.parametrize(
    ("more", "total"),
    [
        pytest.param({"ann": True}, 1, id="annunciated"),
        pytest.param({"ann": False}, 0, id="subsumed by HH, silent"),
        pytest.param({}, 0, id="under an overlay"),
        pytest.param({"ann": True, "exercise": True}, 0, id="a drill"),
        pytest.param({"ann": False, "late": True}, 0, id="late, not annunciated yet"),
        pytest.param({"ann": False, "late": True, "occ": 0}, 0, id="an excursion while offline"),
        pytest.param({"ann": True, "emitted_at": T0 - 1}, 0, id="heard before the period"),
        pytest.param({"ann": True, "emitted_at": T0}, 1, id="heard as the period begins"),
        pytest.param({"ann": True, "emitted_at": T0 + DAY}, 0, id="heard as the period ends"),
    ],
)
def test_annunciated_counts_what_was_heard(more: dict[str, Any], total: int) -> None:
    assert of([event(HOUR, **more)]).total == total


def test_a_late_raise_counts_when_it_is_annunciated() -> None:
    late = [
        event(-3 * HOUR, ann=False, late=True, emitted_at=T0 - 11 * SECOND),
        event(-3 * HOUR + 5, Ev.REALARM, ann=True, late=True, emitted_at=T0 + 1),
    ]
    found = of(late)
    assert (found.total, found.hours[0].count) == (1, 1)


def test_every_annunciation_counts_also_a_second_one_of_the_same_occurrence() -> None:
    events = [
        event(0, ann=True),
        event(MINUTE, Ev.REALARM, ann=True),
        event(2 * MINUTE, Ev.UNSHELVED, State.UNACK, ann=True),
    ]
    assert of(events).total == 3


def test_nothing_at_all_is_well_and_what_cannot_be_judged_is_not() -> None:
    found = of([])
    assert (found.total, found.per_hour.value, found.per_hour.met, found.most_in_10min) == (0, 0.0, True, None)
    assert (found.top.judged.value, found.top.judged.met, found.mix.met) == (None, None, None)
    assert found.flood.judged == figures.Judged(0.0, 0.01, True)
    assert (found.chattering.judged.met, found.fleeting.judged.met, found.stale.judged.met) == (True, True, True)


# Averages and buckets


@pytest.mark.parametrize(
    ("total", "met", "manageable"), [(144, True, True), (145, False, True), (288, False, True), (289, False, False)]
)
def test_averages_at_their_targets(total: int, met: bool, manageable: bool) -> None:
    found = of(rings(range(0, total * MINUTE, MINUTE)))
    for average, stretches in ((found.per_10min, 144), (found.per_hour, 24), (found.per_day, 1)):
        assert average.value == pytest.approx(total / stretches)
        assert (average.met, average.manageable) == (met, manageable)
    assert (found.per_10min.target, found.per_hour.target, found.per_day.target) == (1, 6, 144)


@pytest.mark.parametrize(("count", "over"), [(30, 0), (31, 1)])
def test_hours_with_more_than_30(count: int, over: int) -> None:
    found = of(rings([2 * HOUR + n * MINUTE for n in range(count)]))
    assert (found.hours_over_30.over, found.hours_over_30.of) == (over, 24)
    assert found.hours_over_30.judged == figures.Judged(over / 24, 0.01, over == 0)
    assert [(one.begin - T0, one.count) for one in found.hours_over_30.those] == [(2 * HOUR, count)] * over


@pytest.mark.parametrize(("count", "over"), [(10, 0), (11, 1)])
def test_10_min_periods_with_more_than_10(count: int, over: int) -> None:
    found = of(rings([n * SECOND for n in range(count)]))
    assert (found.periods_over_10.over, found.periods_over_10.of) == (over, 144)


def test_eleven_across_the_border_of_two_periods_are_in_neither() -> None:
    assert of(rings([10 * MINUTE - 6 + n for n in range(11)])).periods_over_10.over == 0


def test_one_period_of_a_hundred_is_not_below_one_percent() -> None:
    busy = rings([n * SECOND for n in range(11)])
    assert of(busy, hours=100 / 6).periods_over_10.judged == figures.Judged(0.01, 0.01, False)
    assert of(busy, hours=101 / 6).periods_over_10.judged.met is True


def test_buckets_are_those_of_the_wall_clock_and_the_period_may_begin_inside_one() -> None:
    events = rings([*range(31), 40 * MINUTE, 70 * MINUTE])
    found = figures.of_period(of_events(events), T0 + 30 * MINUTE, T0 + 90 * MINUTE)
    assert [(one.begin - T0, one.count) for one in found.hours] == [(0, 1), (HOUR, 1)]
    assert (found.periods_over_10.of, found.hours_over_30.over, found.total) == (6, 0, 2)


# Floods


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([n * MINUTE // 2 for n in range(10)], [], id="exactly 10 in 10 min is none"),
        pytest.param(
            [n * SECOND for n in range(11)], [(10, 11, 10, 606)], id="11 is one; it ends when the 7th leaves, 4 remain"
        ),
        pytest.param([0, *(10 * MINUTE - 9 + n for n in range(10))], [], id="the first leaves as the 11th comes"),
        pytest.param(
            [0, *(10 * MINUTE - 10 + n for n in range(10))], [(599, 11, 599, 1199)], id="the 11th comes a ms before"
        ),
        pytest.param(
            [0, *(10 * MINUTE - 10_000 + n * SECOND for n in range(10))],
            [(599, 11, 599, 1195)],
            id="11 in less than 10 min",
        ),
        pytest.param(
            [*(n * SECOND for n in range(11)), 605 * SECOND],
            [(10, 11, 10, 607)],
            id="five remain for a second longer",
        ),
        pytest.param(
            [*(n * SECOND for n in range(11)), 606 * SECOND],
            [(10, 11, 10, 607)],
            id="one comes as the fifth leaves: the flood goes on",
        ),
        pytest.param(
            [*(n * SECOND for n in range(11)), *(1800_000 + n * SECOND for n in range(12))],
            [(10, 11, 10, 606), (1810, 12, 1811, 2407)],
            id="two",
        ),
        pytest.param([0] * 11, [(0, 11, 0, 600)], id="all at once"),
        pytest.param(
            [1430 * MINUTE + n * SECOND for n in range(11)], [(85810, 11, 85810, None)], id="goes on at the end"
        ),
    ],
)
def test_a_flood_begins_above_10_and_ends_below_5(
    times: list[int], expected: list[tuple[int, int, int, int | None]]
) -> None:
    shown = [
        (
            (one.start - T0) // SECOND,
            one.peak.count,
            (one.peak.at - T0) // SECOND,
            None if one.end is None else (one.end - T0) // SECOND,
        )
        for one in of(rings(times)).flood.those
    ]
    assert shown == expected


def test_a_flood_from_before_the_period_counts_from_its_begin_on_and_keeps_its_own_start() -> None:
    events = rings([-300 * SECOND + n * SECOND for n in range(11)])
    found = of(events, hours=1)
    assert [one.start for one in found.flood.those] == [T0 - 290 * SECOND]
    assert found.flood.seconds == 306
    assert found.flood.judged == figures.Judged(306 / 3600, 0.01, False)
    assert (found.total, found.most_in_10min) == (0, None)


def test_a_flood_that_ended_as_the_period_begins_is_not_in_it() -> None:
    assert of(rings([-606 * SECOND + n * SECOND for n in range(11)])).flood.those == ()


def test_a_flood_that_ends_as_the_period_does_is_not_seen_to_end() -> None:
    record = of_events(rings([n * SECOND for n in range(11)]))
    assert figures.of_period(record, T0, T0 + 606 * SECOND).flood.those[0].end is None
    assert figures.of_period(record, T0, T0 + 606 * SECOND + 1).flood.those[0].end == T0 + 606 * SECOND


def test_one_percent_in_flood_is_not_below_one_percent() -> None:
    record = of_events(rings([n * SECOND for n in range(11)]))
    assert figures.of_period(record, T0, T0 + 59_600 * SECOND).flood.judged == figures.Judged(0.01, 0.01, False)
    assert figures.of_period(record, T0, T0 + 59_601 * SECOND).flood.judged.met is True


def test_most_in_10_min_looks_back_before_the_period() -> None:
    found = of(rings([-2, -1, 5, 6 * HOUR]))
    assert found.most_in_10min == Peak(3, T0 + 5)


# Top ten


def test_the_ten_alarms_annunciated_most_and_their_share() -> None:
    events = [event(n * MINUTE, ann=True, tag=f"T{tag:02}") for tag in range(12) for n in range(12 - tag)]
    found = of(events).top
    assert [(one.alarm.tag, one.count) for one in found.those] == [(f"T{n:02}", 12 - n) for n in range(10)]
    assert found.judged == figures.Judged(75 / 78, 0.05, False)
    assert found.those[0].share == 12 / 78


@pytest.mark.parametrize(("alarms", "met"), [(200, True), (199, False)])
def test_at_most_five_percent_of_the_load(alarms: int, met: bool) -> None:
    assert of(rings(range(0, alarms * MINUTE, MINUTE))).top.judged.met is met


# Chattering


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([0, 30_000], [], id="two"),
        pytest.param([0, 30_000, 59_999], [(3, 3)], id="three in 60 s"),
        pytest.param([0, 30_000, 60_000], [], id="exactly 60 s apart"),
        pytest.param([0, 1, 2, 60_002], [(3, 3)], id="the fourth is another minute's"),
        pytest.param([0, 29_000, 58_000, 87_000], [(4, 3)], id="rolling on"),
        pytest.param([0, 1_000, 2_000, 60_000], [(4, 3)], id="the first leaves as the fourth comes"),
        pytest.param([0, 1, 2, 3, 4], [(5, 5)], id="five"),
    ],
)
def test_chattering_is_three_raises_of_one_alarm_in_a_rolling_minute(
    times: list[int], expected: list[tuple[int, int]]
) -> None:
    events = [one for t in times for one in (event(t, ann=True), event(t, Ev.RTN))]
    found = of(events).chattering
    assert [(one.raises, one.most) for one in found.those] == expected
    assert found.judged.met is (not expected)


def test_three_alarms_raised_once_do_not_chatter() -> None:
    assert of(rings([0, 1, 2])).chattering.those == ()


def test_what_chattered_while_offline_is_judged_in_event_time() -> None:
    together = [event(n * HOUR, emitted_at=T0 + 3 * HOUR) for n in range(3)]
    assert of(together).chattering.those == ()
    apart = [event(-HOUR + n, emitted_at=T0 + HOUR * n) for n in range(3)]
    (found,) = of(apart).chattering.those
    assert (found.first, found.last) == (T0 - HOUR, T0 - HOUR + 2)


def test_excursions_while_offline_neither_chatter_nor_flee_nor_get_stale() -> None:
    offline = [
        one
        for n in range(3)
        for one in (
            event(n, ann=False, late=True, occ=0, alarm_id=f"x{n}"),
            event(n + 1, Ev.RTN, late=True, occ=0, alarm_id=f"x{n}"),
        )
    ]
    found = of([*offline, event(3, ann=False, late=True, occ=0)], hours=48)
    assert (found.chattering.those, found.fleeting.those, found.stale.those) == ((), (), ())


def test_a_chattering_belongs_to_the_period_of_its_third_raise() -> None:
    events = [event(-2), event(-1), event(0)]
    assert [one.raises for one in of(events).chattering.those] == [3]
    assert of(events, begin=-24 * HOUR).chattering.those == ()


# Fleeting


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([(0, Ev.ACTIVE), (9_999, Ev.RTN)], [(1, 9_999)], id="under 10 s"),
        pytest.param([(0, Ev.ACTIVE), (10_000, Ev.RTN)], [], id="exactly 10 s"),
        pytest.param([(0, Ev.ACTIVE), (1, Ev.ACK), (2, Ev.RTN)], [], id="acknowledged in between"),
        pytest.param([(0, Ev.ACTIVE), (2, Ev.RTN), (3, Ev.ACK)], [(1, 2)], id="acknowledged afterwards"),
        pytest.param([(0, Ev.ACTIVE), (1, Ev.REALARM), (2, Ev.RTN)], [(1, 2)], id="annunciated again in between"),
        pytest.param(
            [(0, Ev.ACTIVE), (5, Ev.RTN), (20_000, Ev.ACTIVE), (20_003, Ev.RTN)], [(2, 3)], id="twice, the shortest"
        ),
        pytest.param([(-5, Ev.ACTIVE), (5, Ev.RTN)], [(1, 10)], id="raised before the period"),
        pytest.param([(0, Ev.RTN), (5, Ev.ACTIVE)], [], id="only raised"),
    ],
)
def test_fleeting_is_raised_and_returned_in_under_ten_seconds_unseen(
    events: list[tuple[int, Ev]], expected: list[tuple[int, int]]
) -> None:
    found = of([event(t, ev, ann=ev is Ev.ACTIVE) for t, ev in events]).fleeting
    assert [(one.count, one.shortest_ms) for one in found.those] == expected
    assert found.judged.met is (not expected)


def test_a_return_of_another_alarm_makes_nothing_fleeting() -> None:
    assert of([event(0), event(1, Ev.RTN, tag="T2")]).fleeting.those == ()


# Stale


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([event(HOUR - DAY)], [], id="exactly 24 h as the period ends"),
        pytest.param([event(-DAY - 1)], [(-DAY - 1, None)], id="over 24 h"),
        pytest.param(
            [event(-DAY - 1), event(-HOUR, Ev.REALARM, ann=True), event(-1, Ev.ACK)], [(-DAY - 1, None)],
            id="a re-alarm and an acknowledgement do not end it",
        ),
        pytest.param([event(-DAY - 1), event(-HOUR, Ev.SHELVED, State.SHLVD)], [], id="shelved before"),
        pytest.param(
            [event(-2 * DAY), event(-HOUR, Ev.SHELVED, State.SHLVD), event(HOUR // 2, Ev.UNSHELVED, State.UNACK)], [],
            id="shelved before the period, visible again in it",
        ),
        pytest.param([event(-2 * DAY), event(HOUR // 2, Ev.RTN)], [(-2 * DAY, HOUR // 2)], id="returned in the period"),
        pytest.param([event(-2 * DAY), event(0, Ev.RTN)], [], id="returned as the period begins"),
        pytest.param([event(-2 * DAY), event(-1, Ev.RTN), event(1)], [], id="raised anew"),
        pytest.param([event(-2 * DAY, ann=False)], [(-2 * DAY, None)], id="silent under HH, but on the screen"),
        pytest.param([event(-2 * DAY, state=State.SHLVD)], [], id="raised under an overlay"),
        pytest.param([event(-2 * DAY), event(-DAY - 1)], [(-DAY - 1, None)], id="the return was lost"),
    ],
)  # fmt: skip
def test_stale_is_active_and_visible_for_more_than_a_day(
    events: list[Event], expected: list[tuple[int, int | None]]
) -> None:
    found = of(events, hours=1)
    assert [(one.since - T0, None if one.until is None else one.until - T0) for one in found.stale.those] == expected


@pytest.mark.parametrize(("alarms", "met"), [(4, True), (5, False)])
def test_fewer_than_five_stale(alarms: int, met: bool) -> None:
    found = of([event(-2 * DAY, tag=f"T{n}") for n in range(alarms)]).stale
    assert found.judged == figures.Judged(alarms, 5, met)


def test_stale_one_after_the_other_is_not_stale_at_once() -> None:
    events = [
        one
        for n in range(6)
        for one in (event(n * HOUR, tag=f"T{n}"), event(n * HOUR + 25 * HOUR, Ev.RTN, tag=f"T{n}"))
    ]
    found = of(events, hours=72).stale
    assert (len(found.those), found.judged) == (6, figures.Judged(1, 5, True))


# Priorities


@pytest.mark.parametrize(
    ("counts", "met"),
    [
        pytest.param({4: 80, 3: 15, 2: 5}, True, id="80/15/5"),
        pytest.param({4: 100}, True, id="all low"),
        pytest.param({4: 75, 3: 20, 2: 4, 1: 1}, True, id="about"),
        pytest.param({4: 76, 3: 13, 2: 10, 1: 1}, False, id="too many high"),
        pytest.param({4: 74, 3: 20, 2: 6}, False, id="too few low"),
        pytest.param({3: 100}, False, id="all medium"),
        pytest.param({None: 3}, None, id="none known"),
    ],
)
def test_the_mix_of_priorities(counts: dict[int | None, int], met: bool | None) -> None:
    events = [one for priority, n in counts.items() for one in rings(range(n), priority=priority)]
    found = of(events).mix
    assert found.met is met
    assert found.by_priority == {n: counts.get(n, 0) for n in (1, 2, 3, 4)}


# Parts of a site


def test_each_part_has_its_own_load_and_parts_may_overlap() -> None:
    first = rings([n * SECOND for n in range(11)])
    second = rings([HOUR, HOUR + 1], enterprise="E2", source="S9")
    parts = {
        "E1": [("E1", "S1")],
        "E2": [("E2", "S9"), ("E2", "never heard of")],
        "both": [("E1", "S1"), ("E2", "S9")],
        "none": [("E3", "S")],
    }
    found = figures.of_parts(of_events([*first, *second]), T0, T0 + DAY, parts)
    assert {key: (one.total, one.floods) for key, one in found.items()} == {
        "E1": (11, 1), "E2": (2, 0), "both": (13, 1), "none": (0, 0)
    }  # fmt: skip
    assert found["both"].most_in_10min == Peak(11, T0 + 10 * SECOND)
    assert (found["none"].most_in_10min, found["none"].top, found["none"].flood.met) == (None, None, True)
    assert figures.of_parts(of_events([]), T0, T0 + DAY, parts)["both"].total == 0


def test_pieces_of_two_logs_are_joined_in_the_order_of_the_logs() -> None:
    older = pieces([(7, event(0)), (9, event(5, tag="T2"))], log=0)
    newer = pieces([(1, event(3, Ev.RTN))], log=1)
    record = of_pieces([*newer, *older])
    assert [record.alarms[n].tag for n in record.alarm] == ["T1", "T1", "T2"]
    assert list(record.t - T0) == [0, 3, 5]
    assert not len(of_pieces([Piece(0, name("T"), pieces([(0, event(0))], log=0)[0].rows[:0])]))


# Beside a naive reference

KINDS = (Ev.ACTIVE, Ev.ACTIVE, Ev.RTN, Ev.ACK, Ev.REALARM, Ev.SHELVED)
SHOWN = {
    Ev.ACTIVE: State.UNACK,
    Ev.RTN: State.RTNUN,
    Ev.ACK: State.ACKED,
    Ev.REALARM: State.UNACK,
    Ev.SHELVED: State.SHLVD,
}
EDGES = (0, 1, 9_999, 10_000, 30_000, 59_999, 60_000, 299_999, 300_000, 599_999, 600_000)
PACES = (  # how far apart two events lie: (chance of it, the longest gap)
    [(1.0, 20_000)],
    [(0.9, 5_000), (0.1, 15 * MINUTE)],  # one flood after the other
    [(0.5, 90_000), (0.5, 0)],  # 0: one of EDGES
    [(0.8, MINUTE), (0.2, 30 * HOUR)],
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events in order, dense enough for floods and chattering, or with long silences."""
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311  a history, not a secret
    pace = draw(st.sampled_from(PACES))
    at, events = chance.randint(-HOUR, 0), []
    for _ in range(draw(st.sampled_from([60, 80, 20, 3, 1, 0]))):
        (longest,) = chance.choices([gap for _, gap in pace], [weight for weight, _ in pace])
        at += chance.randint(0, longest) if longest else chance.choice(EDGES)
        ev = chance.choice(KINDS)
        events.append(
            event(
                at - chance.choice([0, 0, 0, 250]),
                ev,
                SHOWN[ev],
                tag=chance.choice("AAB"),
                ann=chance.random() < 0.9,
                emitted_at=T0 + at,
                exercise=chance.random() < 0.05,
            )
        )
    return events


def naive_floods(heard: list[int], end: int) -> list[tuple[int, int, int, int | None]]:
    instants = sorted({moment for h in heard for moment in (h, h + 10 * MINUTE) if moment < end})
    found: list[tuple[int, int, int, int | None]] = []
    is_open = False
    for moment in instants:
        count = sum(1 for h in heard if moment - 10 * MINUTE < h <= moment)
        if is_open:
            start, most, at, _ = found[-1]
            if count < 5:
                found[-1], is_open = (start, most, at, moment), False
            elif count > most:
                found[-1] = (start, count, moment, None)
        elif count > 10:
            found.append((moment, count, moment, None))
            is_open = True
    return found


PERIODS = st.tuples(  # begin, after T0, and length
    st.sampled_from([-HOUR, -HOUR // 2, 0, 7 * MINUTE, 25 * HOUR]) | st.integers(-HOUR, 60 * HOUR),
    st.sampled_from([HOUR, DAY, 60 * HOUR]) | st.integers(1, 60 * HOUR),
)


@settings(max_examples=300 if os.environ.get("HAZARDWATCH_LONG") is None else 20_000, deadline=None)
@given(histories(), PERIODS)
def test_figures_agree_with_a_naive_reference(events: list[Event], period: tuple[int, int]) -> None:
    begin, end = T0 + period[0], T0 + sum(period)
    found = figures.of_period(of_events(events), begin, end)
    counted = [one for one in events if not one.exercise]
    heard = [one.emitted_at or 0 for one in counted if one.ann and (one.emitted_at or 0) < end]
    inside = [h for h in heard if h >= begin]

    assert found.total == len(inside)
    assert sum(one.count for one in found.hours) == len(inside)
    for buckets, width in ((found.hours_over_30, HOUR), (found.periods_over_10, 10 * MINUTE)):
        firsts = range(begin // width * width, end, width)
        many = [(b, n) for b in firsts if (n := sum(1 for h in inside if b <= h < b + width)) > buckets.above]
        assert [(one.begin, one.count) for one in buckets.those] == many
        assert buckets.of == len(firsts)

    overlapping = [one for one in naive_floods(heard, end) if one[3] is None or one[3] > begin]
    assert [(one.start, one.peak.count, one.peak.at, one.end) for one in found.flood.those] == overlapping
    assert found.flood.seconds * 1000 == pytest.approx(
        sum((end if till is None else till) - max(start, begin) for start, _, _, till in overlapping)
    )
    assert {one.alarm.tag: one.raises for one in found.chattering.those} == naive_chattering(counted, begin, end)
    assert {one.alarm.tag: one.count for one in found.fleeting.those} == naive_fleeting(counted, begin, end)
    assert [(one.alarm.tag, one.since, one.until) for one in found.stale.those] == naive_stale(counted, begin, end)


def of_tag(events: list[Event], tag: str) -> list[Event]:
    return [one for one in events if one.tag == tag]


def naive_chattering(events: list[Event], begin: int, end: int) -> dict[str, int]:
    found = {}
    for tag in "AB":
        raises = sorted((one for one in of_tag(events, tag) if one.ev is Ev.ACTIVE), key=lambda one: one.t)
        part = set()
        for i, last in enumerate(raises):
            window = [j for j in range(i + 1) if last.t - raises[j].t < MINUTE]
            if len(window) >= 3 and begin <= (last.emitted_at or 0) < end:
                part |= set(window[-3:])
        if part:
            found[tag] = len(part)
    return found


def naive_fleeting(events: list[Event], begin: int, end: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for tag in "AB":
        raised: Event | None = None
        for one in of_tag(events, tag):
            if one.ev is Ev.RTN and raised and one.t - raised.t < 10 * SECOND and begin <= (one.emitted_at or 0) < end:
                found[tag] = found.get(tag, 0) + 1
            if one.ev in (Ev.ACTIVE, Ev.RTN, Ev.ACK):
                raised = one if one.ev is Ev.ACTIVE else None
    return found


def naive_stale(events: list[Event], begin: int, end: int) -> list[tuple[str, int, int | None]]:
    found = []
    for tag in "AB":
        since: int | None = None
        for one in [*of_tag(events, tag), None]:
            at = end if one is None else min(one.emitted_at or 0, end)
            stands = one is not None and one.state in (State.UNACK, State.ACKED)
            if since is not None and (not stands or (one is not None and one.ev is Ev.ACTIVE)):
                if at - since > DAY and at > begin:
                    found.append((tag, since, at if at < end else None))
                since = None
            if stands and since is None and one is not None:
                since = one.emitted_at or 0
    return sorted(found, key=lambda one: (one[1], one[0]))
