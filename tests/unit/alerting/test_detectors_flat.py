"""FLAT: a level that stands still while it is being filled."""

from __future__ import annotations

import random
from math import nan

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.engine import Engine
from alerting.engine.detectors import detector
from alerting.engine.detectors.flat import FLOW, LEVEL, Flat
from alerting.engine.detectors.inputs import Verdict
from alerting.events import Ev, Event
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings, RuleSettings
from tests.unit.alerting.histories import Sample, batch

MINUTE = 60_000
T0 = 10 * 3_600_000  # 10:00
RULE = RuleSettings(
    id=3,
    enterprise="E1",
    source="S1",
    rule="TK1-FLAT",
    type="FLAT",
    inputs={"flow": 1, "level": 2},
    params={"flow_min": 50.0, "noise": 0.009, "minutes": 5.0},
    alarm=AlarmSettings(limit=1.0, priority=1),
)


def plan(rule: RuleSettings = RULE, stale_ms: int | None = None) -> Plan:
    return Plan(
        1,
        points=(
            PointSettings(id=1, enterprise="E1", source="S1", tag="FI", unit="m3/h", stale_ms=stale_ms),
            PointSettings(id=2, enterprise="E1", source="S1", tag="LT", unit="m", stale_ms=stale_ms),
        ),
        rules=(rule,),
        gateways=(GatewaySettings(0, "E1", "G0"),),
    )


def flow(t: int, v: float, q: int = 192) -> Sample:
    return Sample(1, t, v, q, t)


def level(t: int, v: float, q: int = 192) -> Sample:
    return Sample(2, t, v, q, t)


def said(engine: Engine, *samples: Sample) -> list[tuple[str, str, int]]:
    return [(e.alarm, str(e.ev), e.t) for sample in samples for e in engine.apply(batch([sample]), sample.at)]


def filling(minutes: int, *, frozen_after: int, noise: float = 0.0) -> list[Sample]:
    """A tank that rises 18.7 mm a minute, read every 10 s, whose gauge stands still from then on."""
    noisy = random.Random(1)  # noqa: S311  noise of a gauge
    samples = []
    for step in range(minutes * 6):
        t = T0 + step * 10_000
        risen = min(step / 6, frozen_after) * 0.0187
        samples += [flow(t, 550.0), level(t, 3.0 + risen + noisy.uniform(-noise, noise))]
    return samples


def test_a_gauge_that_freezes_is_found_when_its_window_is_full() -> None:
    engine = Engine(plan(msgspec.structs.replace(RULE, params={"flow_min": 50.0, "noise": 0.003, "minutes": 5.0})))
    events = [e for s in filling(30, frozen_after=15) for e in engine.apply(batch([s]), s.at)]
    assert [(e.alarm, e.ev, e.t, e.tag) for e in events] == [("FLAT", Ev.ACTIVE, T0 + 20 * MINUTE, "TK1-FLAT")]
    (event,) = events
    assert event.value == pytest.approx(3.2805)
    assert (event.since, event.unit, event.limit) == (T0 + 20 * MINUTE, "m", None)
    assert event.priority == 1
    assert engine.standing() == [event]


def test_noise_below_the_threshold_hides_nothing_and_a_rising_level_is_not_flat() -> None:
    engine = Engine(plan())
    noisy = [e for s in filling(30, frozen_after=15, noise=0.004) for e in engine.apply(batch([s]), s.at)]
    (raised,) = noisy
    # the last readings before the freeze are inside the noise already
    assert T0 + 19 * MINUTE < raised.t <= T0 + 20 * MINUTE
    engine = Engine(plan())
    assert [e for s in filling(60, frozen_after=60, noise=0.004) for e in engine.apply(batch([s]), s.at)] == []


def test_a_level_that_moves_again_returns_to_normal_and_flow_below_the_least_too() -> None:
    engine = Engine(plan())
    start = filling(10, frozen_after=0)
    assert said(engine, *start) == [("FLAT", "ACTIVE", T0 + 5 * MINUTE)]
    later = T0 + 10 * MINUTE
    assert said(engine, flow(later, 550.0), level(later, 3.1)) == [("FLAT", "RTN", later)]
    engine = Engine(plan())
    said(engine, *start)
    assert said(engine, level(later, 3.0), flow(later, 49.9)) == [("FLAT", "RTN", later)]


def test_the_window_is_counted_from_when_the_flow_began() -> None:
    engine = Engine(plan())
    still = [s for n in range(60) for s in (flow(T0 + n * 10_000, 0.0), level(T0 + n * 10_000, 3.0))]
    assert said(engine, *still) == []
    begun = T0 + 600_000
    running = [s for n in range(31) for s in (level(begun + n * 10_000, 3.0), flow(begun + n * 10_000, 50.0))]
    assert said(engine, *running) == [("FLAT", "ACTIVE", begun + 5 * MINUTE)]


def test_slow_reports_do_not_change_the_time() -> None:
    engine = Engine(plan())
    samples = [flow(T0, 550.0), level(T0, 3.0), flow(T0 + 7 * MINUTE, 550.0), level(T0 + 8 * MINUTE, 3.0)]
    assert said(engine, *samples) == [("FLAT", "ACTIVE", T0 + 5 * MINUTE)]


@pytest.mark.parametrize("bad", [level(T0 + 240_000, nan), level(T0 + 240_000, 3.0, 0), flow(T0 + 240_000, nan)])
def test_a_bad_input_makes_it_unknown_which_raises_nothing(bad: Sample) -> None:
    engine = Engine(plan())
    samples = [s for s in filling(10, frozen_after=0) if s.t != bad.t]
    before = [s for s in samples if s.t < bad.t]
    other = flow(bad.t, 550.0) if bad.point == 2 else level(bad.t, 3.0)
    assert said(engine, *before) == []
    assert said(engine, bad, other) == [("POINT", "BAD", bad.t), ("POINT", "BAD", bad.t)]
    (rule,) = [e for e in [engine.states(3)] if e]
    assert rule == {"FLAT": "NORM"}
    after = said(engine, *[s for s in samples if s.t > bad.t])
    again = bad.t + 10_000  # the window begins anew with the first good reading
    assert after == [("POINT", "GOOD", again), ("POINT", "GOOD", again), ("FLAT", "ACTIVE", again + 5 * MINUTE)]


def test_a_stale_input_makes_it_unknown_which_clears_nothing() -> None:
    engine = Engine(plan(stale_ms=30_000))
    said(engine, *filling(6, frozen_after=0))
    assert engine.states(3) == {"FLAT": "UNACK"}
    gone = T0 + 6 * MINUTE
    stale = gone - 10_000 + 30_000
    flows = [flow(gone + n * 10_000, 550.0 if n < 3 else 0.0) for n in range(10)]
    assert said(engine, *flows) == []
    assert [(e.tag, e.ev, e.t) for e in engine.advance(gone + 90_001)] == [
        ("LT", Ev.STALE, stale),
        ("TK1-FLAT", Ev.BAD, stale),
    ]
    assert engine.states(3) == {"FLAT": "UNACK"}
    assert said(engine, flow(gone + 100_000, 0.0), level(gone + 100_000, 3.0)) == [
        ("POINT", "GOOD", gone + 100_000),
        ("POINT", "GOOD", gone + 100_000),
        ("FLAT", "RTN", gone + 100_000),
    ]


def test_its_alarm_has_delays_and_takes_commands_like_any_other() -> None:
    rule = msgspec.structs.replace(RULE, alarm=AlarmSettings(limit=1.0, on_delay_ms=60_000, latch=True))
    engine = Engine(plan(rule))
    assert said(engine, *filling(10, frozen_after=0)) == [("FLAT", "ACTIVE", T0 + 6 * MINUTE)]
    from line.messages import Command

    def ask(cmd: str) -> Event:
        command = Command(id="1", cmd=cmd, enterprise="E1", tag="TK1-FLAT", alarm="FLAT", user="op", at_ms=0)
        return engine.apply(command, T0 + 11 * MINUTE)[-1]

    assert (ask("ACK").ev, ask("RESET").reason) == (Ev.ACK, "not_resettable")
    later = T0 + 12 * MINUTE
    assert said(engine, flow(later, 0.0), level(later, 3.0)) == [("FLAT", "RTN", later)]
    assert ask("RESET").ev is Ev.RESET


def test_a_pending_raise_ends_with_the_knowledge() -> None:
    rule = msgspec.structs.replace(RULE, alarm=AlarmSettings(limit=1.0, on_delay_ms=60_000))
    engine = Engine(plan(rule))
    assert said(engine, *filling(5, frozen_after=0), flow(T0 + 300_000, 550.0), level(T0 + 300_000, 3.0)) == []
    lost = T0 + 310_000
    assert said(engine, flow(lost, 550.0), level(lost, nan)) == [("POINT", "BAD", lost), ("POINT", "BAD", lost)]
    assert engine.advance(lost + 200_000) == []


def test_a_detector_that_cannot_work_is_counted() -> None:
    lame = msgspec.structs.replace(RULE, type="VOTE")
    assert detector(lame) is None
    engine = Engine(plan(lame))
    assert engine.counters.rules_idle == 1
    assert said(engine, *filling(10, frozen_after=0)) == []
    assert Engine(Plan(1, rules=(RULE,))).counters.rules_idle == 1


def naive(readings: list[tuple[int, int, float]], end: int) -> list[tuple[int, bool]]:
    """When the condition turns, judged second by second from the definition."""
    out, now = [], False
    for t in range(end + 1):
        known = {which: [(s, v) for s, w, v in readings if w == which and s <= t] for which in (FLOW, LEVEL)}
        held = False
        if all(rows and rows[0][0] <= t - 5 for rows in known.values()):
            seen = {
                which: [v for (s, v), n in zip(rows, [*rows[1:], (10**9, 0.0)], strict=True) if n[0] > t - 5]
                for which, rows in known.items()
            }
            levels = seen[LEVEL]
            held = min(seen[FLOW]) >= 50 and max(levels) - min(levels) < 3
        if held != now:
            out.append((t, held))
            now = held
    return out


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([FLOW, LEVEL]), st.sampled_from([0.0, 1.0, 2.0, 3.0, 60.0])),
        min_size=1,
        unique_by=lambda reading: reading[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_it_turns_when_the_definition_says_whatever_order_its_inputs_come_in(
    readings: list[tuple[int, int, float]], order: random.Random
) -> None:
    rule = msgspec.structs.replace(RULE, params={"flow_min": 50.0, "noise": 3.0, "minutes": 5 / 60_000})
    queues = {which: sorted(r for r in readings if r[1] == which) for which in (FLOW, LEVEL)}
    end = min((rows[-1][0] if rows else -1) for rows in queues.values())
    flat, verdicts = Flat(rule), list[Verdict]()
    while any(queues.values()):
        which = order.choice([w for w in queues if queues[w]])
        t, _, v = queues[which].pop(0)
        verdicts += flat.feed(which, t, v, 1)
    turns, now = [], False
    for verdict in verdicts:
        if bool(verdict.value) != now:
            now = bool(verdict.value)
            turns.append((verdict.t, now))
    assert turns == naive(sorted(readings), end)
