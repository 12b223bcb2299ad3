"""What must hold of every history: nothing depends on batches, ticks, restarts, repeats, signs or the hour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from alerting.engine import Engine, sweep, work
from alerting.events import Ev, Event, State
from registry.alarms import AlarmSettings, Plan
from tests.unit.alerting.histories import (
    Ask,
    History,
    Sample,
    Step,
    Tick,
    alarm_settings,
    batch,
    by_point,
    end,
    histories,
    play,
)

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def _sweep_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small as the histories are, they take the vectorised path."""
    everything_vectorised(monkeypatch)


def everything_vectorised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "FEW", 1)
    monkeypatch.setattr(work, "FEW", 1)
    monkeypatch.setattr(work, "FEW_FLIPS", 1)


def everything_scalar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "FEW", 10**9)
    monkeypatch.setattr(work, "FEW", 10**9)


@QUICK
@given(histories(), st.lists(st.booleans(), min_size=30, max_size=30))
def test_however_it_is_cut_into_batches_the_events_are_the_same_and_in_the_same_order(
    history: History, cuts: list[bool]
) -> None:
    assert play(history) == play(history, cuts=lambda step: cuts[step % 30])


@QUICK
@given(histories())
def test_a_restart_before_every_step_changes_nothing(history: History) -> None:
    last = end(history)
    assert play(history, last=last) == play(history, restarts=lambda step: True, last=last)


@QUICK
@given(histories(points=3))
def test_the_rules_alone_and_the_sweep_say_the_same(history: History) -> None:
    with pytest.MonkeyPatch.context() as patch:
        everything_scalar(patch)
        plain = play(history, cuts=lambda step: False, last=end(history))
    assert play(history, cuts=lambda step: False, last=end(history)) == plain


@QUICK
@given(histories(points=1), st.data())
def test_a_sample_repeated_at_once_changes_nothing(history: History, data: st.DataObject) -> None:
    assume(all(point.max_future_ms is None and point.reorder_ms == 0 for point in history.plan.points))
    doubled: list[Step] = []
    newest = None
    for step in history.steps:
        doubled.append(step)
        if isinstance(step, Sample):
            applied = newest is None or step.t >= newest
            newest = step.t if newest is None else max(newest, step.t)
            if applied and data.draw(st.booleans()):
                doubled.append(step)
    assert play(history) == play(replace(history, steps=tuple(doubled)))


@QUICK
@given(histories(), st.lists(st.integers(0, 24), max_size=4))
def test_a_whole_message_repeated_at_any_time_changes_nothing(history: History, again: list[int]) -> None:
    steps: list[Step] = [
        replace(step, hash=number + 1) if isinstance(step, Sample) else step
        for number, step in enumerate(history.steps)
    ]
    repeated = list(steps)
    repeated += [steps[place] for place in again if place < len(steps) and isinstance(steps[place], Sample)]
    for place in sorted(again, reverse=True):
        if place < len(steps) and isinstance(steps[place], Sample):
            repeated.insert(place + 1 + (place % 3) if place + 3 < len(repeated) else len(repeated), steps[place])
    assert play(replace(history, steps=tuple(steps))) == play(replace(history, steps=tuple(repeated)))


@QUICK
@given(histories(points=1, commands=False, orderly=True), st.data())
def test_more_ticks_make_nothing_different(history: History, data: st.DataObject) -> None:
    ticked: list[Step] = []
    clock = None
    for step in history.steps:
        when = step.now if isinstance(step, Tick) else step.at
        if clock is not None:
            for _ in range(data.draw(st.integers(0, 2))):
                clock = data.draw(st.integers(clock, when))
                ticked.append(Tick(clock))
        ticked.append(step)
        clock = when
    last = end(history)
    more = play(replace(history, steps=tuple(ticked)), last=last)
    assert by_point(more) == by_point(play(history, last=last))


@QUICK
@given(histories(points=2), st.integers(-(10**11), 10**11))
def test_the_same_history_at_another_time_gives_the_same_alarms_then(history: History, by: int) -> None:
    def shift(step: Step) -> Step:
        match step:
            case Sample():
                return replace(step, t=step.t + by, at=step.at + by)
            case Tick():
                return Tick(step.now + by)
            case Ask():
                cmd = step.cmd
                until = None if cmd.until is None else cmd.until + by
                return Ask(msgspec.structs.replace(cmd, until=until, at_ms=cmd.at_ms + by), step.at + by)

    def back(event: Event) -> dict[str, Any]:
        names = ("t", "since", "until", "received_at", "at")
        fields = {name: getattr(event, name) for name in names}
        moved = {name: None if value is None else value - by for name, value in fields.items()}
        return {**msgspec.to_builtins(event), **moved, "alarm_id": None}

    points = tuple(
        msgspec.structs.replace(point, start_t=None if point.start_t is None else point.start_t + by)
        for point in history.plan.points
    )
    moved = History(msgspec.structs.replace(history.plan, points=points), tuple(shift(step) for step in history.steps))
    first = [{**back(event), "t": event.t + 0} for event in play(moved)]
    for event in first:
        event["t"] -= by
    second = [
        {**dict.fromkeys(("since", "until", "received_at", "at")), **msgspec.to_builtins(event), "alarm_id": None}
        for event in play(history)
    ]
    assert first == second


MIRROR = {"HH": "LL", "H": "L", "LL": "HH", "L": "H"}


@QUICK
@given(histories(points=1))
def test_a_mirrored_plant_gives_mirrored_alarms(history: History) -> None:
    def mirrored(plan: Plan) -> Plan:
        points = tuple(
            msgspec.structs.replace(
                point,
                alarms={
                    MIRROR[level]: msgspec.structs.replace(alarm, limit=-alarm.limit)
                    for level, alarm in point.alarms.items()
                },
            )
            for point in plan.points
        )
        return msgspec.structs.replace(plan, points=points)

    def mirror(step: Step) -> Step:
        match step:
            case Sample():
                return replace(step, v=-step.v)
            case Ask():
                values = {name: -value if name == "limit" else value for name, value in step.cmd.values.items()}
                return Ask(msgspec.structs.replace(step.cmd, alarm=MIRROR[step.cmd.alarm], values=values), step.at)
            case Tick():
                return step

    names = ("t", "ev", "state", "since", "occ", "ann", "q", "late", "cascade", "reason", "why")
    one_side = {level for point in history.plan.points for level in point.alarms} <= {"HH", "H"}
    assume(one_side or {level for point in history.plan.points for level in point.alarms} <= {"LL", "L"})
    other = History(mirrored(history.plan), tuple(mirror(step) for step in history.steps))
    assert [(MIRROR.get(e.alarm, e.alarm), *(getattr(e, name) for name in names)) for e in play(other)] == [
        (e.alarm, *(getattr(e, name) for name in names)) for e in play(history)
    ]


@QUICK
@given(histories(points=1, size=40))
def test_the_life_of_an_alarm_is_never_broken(history: History) -> None:
    active: dict[str, bool] = {}
    newest: dict[str, int] = {}
    lost = False
    levels = history.plan.points[0].alarms
    events = play(history, last=end(history))
    for place, event in enumerate(events):
        match event.ev:
            case Ev.BAD | Ev.STALE:
                lost = True
            case Ev.GOOD:
                lost = False
            case Ev.ACTIVE:
                assert not active.get(event.alarm)
                active[event.alarm] = True
            case Ev.RTN:
                assert active.pop(event.alarm)
                assert not lost, "nothing returns while the signal is lost"
        if event.ev in (Ev.ACTIVE, Ev.RTN):
            assert event.t >= newest.get(event.alarm, event.t)
            newest[event.alarm] = event.t
            assert event.since is not None
            assert event.since <= event.t
        for outer, inner in (("HH", "H"), ("LL", "L")):
            if active.get(outer) and inner in levels and not active.get(inner):
                assert event.alarm == outer
                assert (events[place + 1].alarm, events[place + 1].ev) == (inner, Ev.ACTIVE)
        if event.ann:
            assert event.state in (State.UNACK, State.LATUN)


@QUICK
@given(histories(points=1, commands=False), st.sampled_from([0.5, 1.0, 3.0, 40.0]), st.data())
def test_a_lower_limit_never_raises_the_first_time_later(history: History, by: float, data: st.DataObject) -> None:
    alarm: AlarmSettings = data.draw(alarm_settings("H"))

    def first(limit: float) -> float:
        settings = msgspec.structs.replace(alarm, limit=limit)
        points = (msgspec.structs.replace(history.plan.points[0], alarms={"H": settings}),)
        plan = msgspec.structs.replace(history.plan, points=points)
        raised = [e.t for e in play(History(plan, history.steps), last=end(history)) if e.ev is Ev.ACTIVE]
        return raised[0] if raised else float("inf")

    assert first(80.0 - by) <= first(80.0)


@QUICK
@given(histories(points=2))
def test_ticks_at_every_wake_say_what_one_tick_says(history: History) -> None:
    one, many = Engine(history.plan), Engine(history.plan)
    for step in history.steps:
        for engine in (one, many):
            match step:
                case Sample():
                    engine.apply(batch([step]), step.at)
                case Tick():
                    engine.advance(step.now)
                case Ask():
                    engine.apply(step.cmd, step.at)
    last = end(history)
    told: list[Event] = []
    while (wake := many.next_wake()) is not None and wake <= last:
        said = many.advance(wake)
        told += said
        following = many.next_wake()
        assert following is None or following > wake
    assert by_point(told) == by_point(one.advance(last))
    assert many.advance(last) == []
