"""Histories of a few points as hypothesis makes them, biased to delays that run out, and how to play them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from alerting.engine import Engine
from alerting.events import Event
from alerting.replay import readings_batch
from line.messages import Batch, Command
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings, RuleSettings

DELAY = 5_000
STALE = 8_000
BASE = 1_000_000  # of the clock; event times run about it


@dataclass(frozen=True)
class Sample:
    point: int
    t: int
    v: float
    q: int
    at: int
    gateway: int = 0
    hash: int = 0


@dataclass(frozen=True)
class Tick:
    now: int


@dataclass(frozen=True)
class Ask:
    cmd: Command
    at: int


Step = Sample | Tick | Ask


@dataclass(frozen=True)
class History:
    plan: Plan
    steps: tuple[Step, ...]


def rule(identity: int, kind: str, inputs: dict[str, int], params: dict[str, float]) -> RuleSettings:
    alarm = AlarmSettings(limit=1.0, on_delay_ms=500)
    return RuleSettings(identity, "E1", "S1", f"R{identity}", kind, inputs, params, alarm)


RULES = (
    rule(9, "FLAT", {"flow": 0, "level": 1}, {"flow_min": 50.0, "noise": 3.0, "minutes": DELAY / 60_000}),
    rule(
        10, "RATE", {"value": 0}, {"window_s": 20.0, "rise": 30.0, "fall": 30.0, "min_samples": 2.0, "min_span_s": 1.0}
    ),
    rule(11, "DEV", {"a": 0, "b": 1}, {"limit": 20.0, "deadband": 5.0}),
    rule(12, "BALANCE", {"level": 0, "in": 1}, {"area": 1.0, "minutes": 0.1, "limit": 500.0, "deadband": 100.0}),
    rule(13, "DISC", {"command": 0, "feedback": 1}, {"seconds": 1.0, "tolerance": 10.0}),
    rule(14, "VOTE", {"a": 0, "b": 1}, {"votes": 1.0, "high": 80.0, "deadband": 2.0}),
    rule(15, "COMM", {"a": 0, "b": 1}, {}),
)
LEVELS = {"HH": 90.0, "H": 80.0, "L": 20.0, "LL": 10.0}
VALUES = [50.0, 80.0, 79.0, 78.0, 77.999, 81.0, 90.0, 95.0, 88.5, 87.0, 20.0, 21.5, 22.5, 15.0, 10.0, 5.0, 12.5]


@st.composite
def alarm_settings(draw: st.DrawFn, level: str) -> AlarmSettings:
    return AlarmSettings(
        limit=LEVELS[level],
        deadband=2.0,
        on_delay_ms=draw(st.sampled_from([0, 0, DELAY, 2 * DELAY])),
        off_delay_ms=draw(st.sampled_from([0, 0, DELAY])),
        latch=draw(st.booleans()),
        ack_rtn=draw(st.booleans()),
        realarm_ms=draw(st.sampled_from([None, None, DELAY * 2])),
        on_bad=draw(st.sampled_from(["hold", "hold", "alarm"])),
    )


@st.composite
def point_settings(draw: st.DrawFn, number: int) -> PointSettings:
    levels = draw(st.sets(st.sampled_from(sorted(LEVELS)), min_size=1))
    return PointSettings(
        id=number,
        enterprise="E1",
        source="S1",
        tag=f"P{number}",
        stale_ms=draw(st.sampled_from([None, STALE])),
        start_t=draw(st.sampled_from([None, BASE])),
        reorder_ms=draw(st.sampled_from([0, 0, 0, 2_000])),
        timer_lag_ms=draw(st.sampled_from([0, 0, 1_000])),
        max_future_ms=draw(st.sampled_from([None, 3_000])),
        alarms={level: draw(alarm_settings(level)) for level in sorted(levels)},
    )


COMMANDS = ["ACK", "ACK", "RESET", "SHELVE", "UNSHELVE", "SUPPRESS", "OOS", "SET", "COMMENT"]


@st.composite
def ask(draw: st.DrawFn, points: int, clock: int, number: int) -> Ask:
    cmd = draw(st.sampled_from(COMMANDS))
    values: dict[str, Any] = draw(
        st.sampled_from([{"limit": 79.5}, {"on_delay_ms": 0}, {"off_delay_ms": 1_000}, {"realarm_ms": 3_000}])
    )
    return Ask(
        Command(
            id=f"c{number}",
            cmd=cmd,
            enterprise="E1",
            tag=f"P{draw(st.integers(0, points - 1))}",
            alarm=draw(st.sampled_from(["HH", "H", "H", "L", "LL"])),
            user="op",
            at_ms=clock,
            occ=draw(st.sampled_from([None, None, 1])),
            reason=draw(st.sampled_from(["x", "x", "x", None])),
            until=clock + draw(st.sampled_from([DELAY, 3 * DELAY])),
            oneshot=draw(st.booleans()),
            on=draw(st.sampled_from([True, True, False, None])),
            permit="P",
            values=values if cmd == "SET" else {},
        ),
        clock,
    )


@st.composite
def histories(
    draw: st.DrawFn, *, points: int = 2, size: int = 25, commands: bool = True, orderly: bool = False
) -> History:
    """`orderly`: every sample arrives at once and in order of time."""
    settings = [draw(point_settings(number)) for number in range(points)]
    clock = BASE
    behind = draw(st.sampled_from([0, 0, 20_000])) if not orderly else 0
    newest = [BASE - behind] * points
    steps: list[Step] = []
    for number in range(draw(st.integers(1, size))):
        kinds = ["sample"] * 6 + ["tick"] * 2 + (["ask"] * 2 if commands else [])
        kind = draw(st.sampled_from(kinds))
        clock += draw(st.sampled_from([0, 1, 500, 1_000, DELAY - 1, DELAY, DELAY + 1, STALE + 1]))
        if kind == "tick":
            steps.append(Tick(clock))
        elif kind == "ask":
            steps.append(draw(ask(points, clock, number)))
        else:
            point = draw(st.integers(0, points - 1))
            t = clock - behind
            if not orderly:
                step = draw(st.sampled_from([None, None, None, 0, 1, DELAY - 1, DELAY, DELAY + 1, -1, -DELAY, -40_000]))
                t = t if step is None else newest[point] + step
                if draw(st.integers(0, 15)) == 0:
                    t = clock + 3_001
            newest[point] = max(newest[point], t)
            q = draw(st.sampled_from([192, 192, 192, 192, 192, 64, 0]))
            v = draw(st.sampled_from([*VALUES, nan]))
            steps.append(Sample(point, t, v, q, clock, gateway=point % 2))
    drills = 0 if orderly else draw(st.sampled_from([0, 0, 0, 1, 2]))  # gateways whose clock is their source's
    gateways = (
        GatewaySettings(0, "E1", "G0", source_clock=drills == 2),
        GatewaySettings(1, "E1", "G1", source_clock=drills > 0),
    )
    rules: tuple[RuleSettings, ...] = ()
    if points > 1 and drills != 1:  # no rule of a drill and the plant
        rules = tuple(RULES[place] for place in sorted(draw(st.sets(st.integers(0, len(RULES) - 1), max_size=3))))
    return History(Plan(1, tuple(settings), rules, gateways), tuple(steps))


def batch(samples: Sequence[Sample]) -> Batch:
    """Each sample a message of its own."""
    return replace(
        readings_batch(
            gateways=np.array([s.gateway for s in samples], np.int32),
            at_ms=np.array([s.at for s in samples], np.int64),
            message=np.arange(len(samples), dtype=np.int32),
            points=np.array([s.point for s in samples], np.int32),
            t_ms=np.array([s.t for s in samples], np.int64),
            values=np.array([s.v for s in samples], np.float64),
            qualities=np.array([s.q for s in samples], np.uint8),
        ),
        hashes=np.array([s.hash for s in samples], np.uint64),
    )


def play(
    history: History,
    *,
    cuts: Callable[[int], bool] = lambda step: True,
    restarts: Callable[[int], bool] = lambda step: False,
    per_sample_late: bool = True,
    last: int | None = None,
) -> list[Event]:
    """All events. Samples in a row are one batch up to where `cuts` says so; a tick at `last`, if given, ends it."""
    engine = Engine(history.plan, per_sample_late=per_sample_late)
    events: list[Event] = []
    held: list[Sample] = []
    steps: list[Step] = [*history.steps, *([] if last is None else [Tick(last)])]
    for number, step in enumerate(steps):
        if held and (cuts(number) or not isinstance(step, Sample) or restarts(number)):
            events += engine.apply(batch(held), held[-1].at)
            held = []
        if restarts(number):
            engine = Engine.restore(engine.snapshot())
        match step:
            case Sample():
                held.append(step)
            case Tick():
                events += engine.advance(step.now)
                wake = engine.next_wake()
                assert wake is None or wake > step.now
            case Ask():
                events += engine.apply(step.cmd, step.at)
    if held:
        events += engine.apply(batch(held), held[-1].at)
    return events


def by_point(events: Sequence[Event]) -> dict[str, list[dict[str, Any]]]:
    """Events as plain values, point by point: the order between points is not a promise of every property.

    Excursions while offline stand beside the life of their point.
    """
    out: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        out.setdefault(f"{event.tag} offline" if event.is_offline else event.tag, []).append(msgspec.to_builtins(event))
    return out


def end(history: History) -> int:
    """A clock at which every delay of the history is over."""
    clocks = [step.at if not isinstance(step, Tick) else step.now for step in history.steps]
    return max(clocks) + 100_000
