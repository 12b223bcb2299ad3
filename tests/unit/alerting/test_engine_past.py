"""Samples older than the live ones: every excursion that was missed is listed once, and nobody is paged (R15)."""

from __future__ import annotations

import random
from dataclasses import replace
from math import nan
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.engine import Engine
from alerting.events import Ev, Event
from alerting.replay import readings_batch
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings
from tests.unit.alerting.histories import Sample, batch
from tests.unit.alerting.test_engine import H, command, fed, plan, s, short
from tests.unit.alerting.test_engine_properties import QUICK

NOW = 100_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def live(engine: Engine, v: float = 50.0, t: int = NOW) -> list[Event]:
    return fed(engine, s(t, v, at=t))


def backlog(engine: Engine, *rows: tuple[int, float], at: int = NOW + 1, q: int = 192) -> list[Event]:
    return fed(engine, *(s(t, v, at=at, q=q) for t, v in rows))


def settled(engine: Engine, now: int = NOW + 1) -> list[Event]:
    """What comes out when ten seconds of engine clock are over, tick by tick as the engine asks for them."""
    events = []
    while (wake := engine.next_wake()) is not None and wake <= now + 20_003:
        events += engine.advance(wake)
    return events


def spans(events: list[Event]) -> list[tuple[str, int, int]]:
    """Occurrences as alarm, raise and return; their events stand side by side."""
    pairs = list(zip(events[::2], events[1::2], strict=True))
    assert all((a.ev, b.ev, a.alarm_id) == (Ev.ACTIVE, Ev.RTN, b.alarm_id) for a, b in pairs)
    return [(a.alarm, a.t, b.t) for a, b in pairs]


def test_each_missed_excursion_is_one_late_occurrence_that_nobody_is_paged_for() -> None:
    engine = Engine(plan())
    live(engine)
    assert backlog(engine, (1_000, 50), (2_000, 81), (3_000, 85), (4_000, 70), (5_000, 83), (6_000, 70)) == []
    events = settled(engine)
    assert spans(events) == [("H", 2_000, 4_000), ("H", 5_000, 6_000)]
    assert {(e.late, e.ann is True, e.occ, e.received_at) for e in events} == {(True, False, 0, NOW + 1)}
    assert [e.state for e in events] == ["UNACK", "RTNUN", "UNACK", "RTNUN"]
    assert engine.states(0) == {"H": "NORM"}
    assert engine.counters.late == 6
    assert engine.next_wake() is None


def test_they_are_judged_in_order_of_time_whatever_order_they_came_in() -> None:
    rows = [(t * 1_000, 81.0 if 20 <= t < 40 else 50.0) for t in range(60)]
    delayed = plan(P0={"alarms": {"H": msgspec.structs.replace(H, on_delay_ms=5_000)}})
    for order in (rows, rows[::-1], random.Random(1).sample(rows, len(rows))):  # noqa: S311
        engine = Engine(delayed)
        live(engine)
        backlog(engine, *order)
        assert spans(settled(engine)) == [("H", 25_000, 40_000)]


def test_the_live_alarm_is_not_moved_and_an_excursion_that_it_had_is_not_listed_again() -> None:
    engine = Engine(plan())
    fed(engine, s(1_000, 50, at=1_000), s(2_000, 85, at=2_000))  # the line goes down while H is active
    assert short(live(engine)) == [("H", "RTN", NOW)]
    backlog(engine, (2_500, 86), (3_000, 70), (4_000, 90), (5_000, 70))
    assert settled(engine) == []
    assert engine.states(0) == {"H": "RTNUN"}


def test_one_before_and_one_after_what_the_live_alarm_had_are_listed() -> None:
    engine = Engine(plan())
    live(engine, 50)
    live(engine, 85, NOW + 1_000)
    live(engine, 50, NOW + 2_000)
    backlog(engine, (NOW - 9_000, 85), (NOW - 8_000, 50), (NOW + 1_500, 85), (NOW + 1_600, 50), at=NOW + 2_001)
    assert spans(settled(engine, NOW + 2_001)) == [("H", NOW - 9_000, NOW - 8_000)]


def test_an_excursion_still_open_at_the_end_of_the_backlog_ends_with_it() -> None:
    engine = Engine(plan())
    live(engine)
    backlog(engine, (1_000, 50), (2_000, 81), (3_000, 85))
    assert spans(settled(engine)) == [("H", 2_000, 3_000)]


def test_a_bad_value_ends_no_excursion() -> None:
    engine = Engine(plan())
    live(engine)
    backlog(engine, (1_000, 81), (2_000, nan), (3_000, 50))
    assert spans(settled(engine)) == [("H", 1_000, 3_000)]


def test_the_same_backlog_sent_twice_lists_nothing_twice() -> None:
    engine = Engine(plan())
    live(engine)
    rows = [(1_000, 50.0), (2_000, 81.0), (3_000, 50.0)]
    backlog(engine, *rows)
    assert len(settled(engine)) == 2
    backlog(engine, *rows, at=NOW + 60_000)
    assert settled(engine, NOW + 60_000) == []


def test_older_backlog_after_newer_is_judged_from_its_own_beginning() -> None:
    engine = Engine(plan())
    live(engine)
    backlog(engine, (50_000, 50), (60_000, 81), (70_000, 50))
    assert spans(settled(engine)) == [("H", 60_000, 70_000)]
    backlog(engine, (1_000, 50), (2_000, 81), (3_000, 50), at=NOW + 15_000)
    assert spans(settled(engine, NOW + 15_000)) == [("H", 2_000, 3_000)]


def test_it_owes_an_acknowledgement_of_its_own() -> None:
    engine = Engine(plan())
    live(engine)
    backlog(engine, (1_000, 81), (2_000, 50), (3_000, 81), (4_000, 50))
    first, _, second, _ = settled(engine)
    assert [e.alarm_id for e in engine.standing()] == [first.alarm_id, second.alarm_id]
    (remark,) = engine.apply(command("COMMENT", alarm_id=first.alarm_id, comment="line was down"), NOW + 30_000)
    assert (remark.ev, remark.state, remark.comment) == (Ev.COMMENT, "RTNUN", "line was down")
    (no,) = engine.apply(command("RESET", alarm_id=first.alarm_id), NOW + 30_000)
    assert (no.ev, no.reason, no.command) == (Ev.REJECT, "not_resettable", "c1")
    (ack,) = engine.apply(command("ACK", alarm_id=first.alarm_id), NOW + 30_000)
    assert (ack.ev, ack.state, ack.alarm_id, ack.late, ack.command) == (Ev.ACK, "NORM", first.alarm_id, True, "c1")
    assert [e.alarm_id for e in engine.standing()] == [second.alarm_id]
    (no,) = engine.apply(command("ACK", alarm_id=first.alarm_id), NOW + 31_000)
    assert (no.ev, no.reason, no.alarm_id) == (Ev.REJECT, "nothing_to_ack", first.alarm_id)
    (no,) = engine.apply(command("ACK"), NOW + 31_000)  # the live alarm has nothing to acknowledge
    assert (no.ev, no.reason, no.alarm_id == first.alarm_id) == (Ev.REJECT, "nothing_to_ack", False)


@pytest.mark.parametrize(
    ("changes", "overlay"),
    [({"ack_rtn": False}, None), ({}, command("SUPPRESS", on=True)), ({}, command("OOS", on=True, permit="P"))],
)
def test_it_owes_none_where_a_return_clears_it_or_the_alarm_is_silenced(changes: dict[str, Any], overlay: Any) -> None:
    engine = Engine(plan(P0={"alarms": {"H": msgspec.structs.replace(H, **changes)}}))
    live(engine)
    if overlay is not None:
        engine.apply(overlay, NOW)
    backlog(engine, (1_000, 81), (2_000, 50))
    assert [e.state for e in settled(engine)] == ["ACKED", "NORM"]
    assert [e for e in engine.standing() if e.late] == []


def test_a_tag_that_is_retired_meanwhile_takes_its_backlog_with_it() -> None:
    engine = Engine(plan(P0={}, P1={}))
    fed(engine, s(NOW, 50), s(NOW, 50, point=1))
    backlog(engine, (1_000, 81), (2_000, 50))
    engine.change(Plan(2, engine_points("P1", 1)), NOW + 2)
    assert settled(engine) == []
    assert engine.next_wake() is None


def engine_points(tag: str, number: int) -> tuple[PointSettings, ...]:
    return (PointSettings(id=number, enterprise="E1", source="S1", tag=tag, alarms={"H": H}),)


LEVELS = {
    "HH": AlarmSettings(90.0, deadband=2.0, priority=1, latch=True),
    "H": AlarmSettings(80.0, deadband=2.0, on_delay_ms=20_000),
}


def day(points: int, excursions: dict[int, list[tuple[int, int]]]) -> dict[int, np.ndarray[Any, Any]]:
    """A day of one reading every 10 s, at 95 during the excursions of a point."""
    steps = np.arange(0, DAY, 10_000)
    values = {point: 50.0 + np.sin(steps / 1e6 + point) for point in range(points)}
    for point, found in excursions.items():
        for begin, end in found:
            values[point][(steps >= begin) & (steps < end)] = 95.0
    return values


def test_a_days_backfill_beside_live_gateways_pages_nobody_and_lists_each_excursion_once() -> None:
    """Two gateways: one lives on, the other pours out its day among its own live readings, in disorder, part twice."""
    points = 4
    missed = {0: [(HOUR, HOUR + 60_000), (5 * HOUR, 5 * HOUR + 600_000)], 2: [(20 * HOUR, 20 * HOUR + 40_000)]}
    values = day(points, missed)
    settings = tuple(
        PointSettings(id=n, enterprise="E1", source="S1", tag=f"P{n}", stale_ms=30_000, alarms=LEVELS)
        for n in range(points + 1)
    )
    engine = Engine(Plan(1, settings, gateways=(GatewaySettings(0, "E1", "G0"), GatewaySettings(1, "E1", "G1"))))
    events: list[Event] = []
    clock = DAY + 60_000
    rng = random.Random(7)  # noqa: S311  disorder of messages
    chunks = [(point, start) for start in range(0, DAY // 10_000, 120) for point in range(points)]
    for place in range(0, len(chunks) - 12, 12):
        window = chunks[place : place + 12]
        rng.shuffle(window)
        chunks[place : place + 12] = window
    for number, (point, start) in enumerate([*chunks, *chunks[:40]]):
        clock += 100
        if number % 10 == 0:  # both gateways live: one quiet, and a real alarm on the other's own point
            value = 95.0 if 300 <= number < 500 else 50.0
            events += engine.apply(row(range(points), [50.0] * points, clock, gateway=0), clock)
            events += engine.apply(row([points], [value], clock, gateway=1), clock)
        times = np.arange(start, min(start + 120, DAY // 10_000)) * 10_000
        events += engine.apply(message(point, times, values[point][times // 10_000], clock), clock)
        if (wake := engine.next_wake()) is not None and wake <= clock:
            events += engine.advance(wake)
    while (wake := engine.next_wake()) is not None and wake < clock + 25_000:
        events += engine.advance(wake)
    offline = [e for e in events if e.is_offline]
    listed = sorted((e.tag, e.alarm, e.t) for e in offline if e.ev is Ev.ACTIVE)
    assert listed == sorted(
        (f"P{p}", level, begin) for p, found in missed.items() for begin, _ in found for level in ("HH", "H")
    )
    ended = {(e.tag, e.alarm, e.t) for e in offline if e.ev is Ev.RTN}
    assert ended == {(f"P{p}", level, end) for p, found in missed.items() for _, end in found for level in ("HH", "H")}
    assert [(e.tag, e.alarm) for e in events if e.ann] == [("P4", "HH")]
    assert {e.tag for e in events if not e.is_offline and e.alarm != "POINT"} == {"P4"}


def message(point: int, times: np.ndarray[Any, Any], values: np.ndarray[Any, Any], at: int) -> Any:
    return readings_batch(
        gateways=np.zeros(1, np.int32), at_ms=np.full(1, at, np.int64), message=np.zeros(len(times), np.int32),
        points=np.full(len(times), point, np.int32), t_ms=times.astype(np.int64), values=values.astype(np.float64),
        qualities=np.full(len(times), 192, np.uint8),
    )  # fmt: skip


def row(points: Any, values: list[float], at: int, gateway: int) -> Any:
    batch = message(0, np.full(len(values), at), np.array(values), at)
    return replace(batch, points=np.array(list(points), np.int32), gateways=np.full(1, gateway, np.int32))


@QUICK
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40), st.sampled_from([50.0, 81.0, 95.0, nan])), max_size=40),
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.lists(st.integers(0, 60), max_size=3),
)
def test_neither_batches_nor_restarts_change_what_is_listed(
    rows: list[tuple[int, int, float]], cuts: list[bool], restarts: list[int]
) -> None:
    both = plan(P0={"alarms": LEVELS, "stale_ms": 9_000}, P1={"alarms": LEVELS})
    samples = [Sample(p, 20_000, 50.0, 192, 20_000) for p in (0, 1)]
    samples += [Sample(p, t * 1_000, v, 192, 20_000 + n * 900) for n, (p, t, v) in enumerate(rows)]

    engine, events = Engine(both), list[Event]()
    inputs: list[Sample | int] = []  # an int is a tick
    for sample in [*samples, None]:
        while (wake := engine.next_wake()) is not None and (sample is None or wake <= sample.at) and wake < 10**6:
            inputs.append(wake)
            events += engine.advance(wake)
        if sample is not None:
            inputs.append(sample)
            events += engine.apply(batch([sample]), sample.at)
    again, told, held = Engine(both), list[Event](), list[Sample]()
    for number, one in enumerate([*inputs, 10**6]):
        if held and (isinstance(one, int) or cuts[number % 60]):
            told += again.apply(batch(held), held[-1].at)
            held = []
        if number in restarts:
            again = Engine.restore(again.snapshot())
        if isinstance(one, int):
            told += again.advance(one)
        else:
            held.append(one)
    assert told == events


def test_an_open_excursion_ends_where_older_backlog_begins() -> None:
    engine = Engine(plan())
    live(engine)
    backlog(engine, (50_000, 50))
    backlog(engine, (60_000, 81), at=NOW + 9_000)
    assert engine.advance(NOW + 10_002) == []  # more may come
    backlog(engine, (1_000, 50), at=NOW + 10_500)
    assert spans(settled(engine, NOW + 10_500)) == [("H", 60_000, 60_000)]
