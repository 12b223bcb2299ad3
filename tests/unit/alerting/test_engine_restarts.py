"""Crashes at every step, at every tenth of every delay and with ten thousand alarms standing: the same events after."""

from __future__ import annotations

import os
from collections import Counter

import msgspec
import numpy as np
import pytest

from alerting.engine import Engine
from alerting.events import Ev, Event, State
from alerting.replay import readings_batch
from line.messages import Batch, Command
from registry.alarms import AlarmSettings, Plan, PointSettings
from tests.unit.alerting.streams import BASE, Input, fed, plan, situations, stream

LONG = bool(os.environ.get("HAZARDWATCH_LONG"))
STREAMS, STEPS = (200 if LONG else 5), 200
TOGETHER = 40 if LONG else 5  # steps over which both are compared; then they must be the same state, byte for byte

# What a crash must have interrupted, or the streams prove too little.
PENDING = [
    *((state, "on-delay") for state in ("NORM", "RTNUN", "LATUN", "LATAK", "SHLVD", "DSUPR", "OOSRV")),
    *((state, "off-delay") for state in ("UNACK", "ACKED", "SHLVD", "DSUPR", "OOSRV")),
]


def test_a_crash_at_any_step_of_a_long_stream_changes_no_event() -> None:
    crashes, different = 0, 0
    interrupted: Counter[tuple[str, str]] = Counter()
    for seed in range(STREAMS):
        steps = list(stream(seed, STEPS))
        engine = Engine(plan())
        before: list[bytes] = []
        said: list[list[Event]] = []
        for step in steps:
            before.append(engine.snapshot())
            interrupted.update(situations(engine))
            said.append(fed(engine, step))
        before.append(engine.snapshot())
        for crash in range(STEPS):
            together = range(crash, min(crash + TOGETHER, STEPS))
            again = Engine.restore(before[crash])
            events = [fed(again, steps[number]) for number in together]
            same = events == [said[number] for number in together]
            different += not same or again.snapshot() != before[together.stop]
            crashes += 1
    assert crashes == STREAMS * STEPS >= 1_000
    assert different == 0
    assert {what: interrupted[what] for what in PENDING if interrupted[what] < 2 * STREAMS} == {}
    assert sum(interrupted[what] for what in PENDING) >= 100 * STREAMS


# Every tenth of every delay, in every state in which one can run.

ON_DELAY, OFF_DELAY = 10_000, 20_000
LIMIT = 80.0


def point(*, latch: bool) -> Plan:
    alarm = AlarmSettings(
        LIMIT, deadband=2.0, on_delay_ms=ON_DELAY, off_delay_ms=OFF_DELAY, latch=latch, max_shelve_ms=10**9
    )
    return Plan(1, (PointSettings(0, "E1", "S1", "P0", alarms={"H": alarm}),))


def value(v: float, at: int) -> Input:
    batch: Batch = readings_batch(
        gateways=np.array([-1], np.int32), at_ms=np.array([at], np.int64), message=np.zeros(1, np.int32),
        points=np.zeros(1, np.int32), t_ms=np.array([at], np.int64), values=np.array([v]),
        qualities=np.array([192], np.uint8),
    )  # fmt: skip
    return Input(batch, at)


def order(cmd: str, at: int) -> Input:
    command = Command(
        "c",
        cmd,
        "E1",
        "P0",
        "H",
        "op",
        at,
        reason="x",
        permit="P",
        on=True,
        until=at + 10**8 if cmd == "SHELVE" else None,
    )
    return Input(command, at)


UP, DOWN = 90.0, 50.0
MINUTE = 60_000
# What brings the alarm into the state, one step a minute: a value, or a command.
WAYS: dict[tuple[str, bool], tuple[float | str, ...]] = {
    ("NORM", False): (DOWN,),
    ("RTNUN", False): (UP, DOWN),
    ("LATUN", True): (UP, DOWN),
    ("LATAK", True): (UP, "ACK", DOWN),
    ("SHLVD", False): (DOWN, "SHELVE"),
    ("DSUPR", False): (DOWN, "SUPPRESS"),
    ("OOSRV", False): (DOWN, "OOS"),
    ("UNACK", False): (UP,),
    ("ACKED", False): (UP, "ACK"),
    ("SHLVD", True): (UP, "SHELVE"),
    ("DSUPR", True): (UP, "SUPPRESS"),
    ("OOSRV", True): (UP, "OOS"),
}


@pytest.mark.parametrize("tenth", range(11))
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}{'-latching' if way[1] else ''}")
def test_a_delay_goes_on_from_its_own_beginning_after_a_crash_at_any_tenth_of_it(
    way: tuple[str, bool], tenth: int
) -> None:
    steps = WAYS[way]
    engine = Engine(point(latch=way[1] and way[0].startswith("LAT")))
    now = BASE
    for step in steps:
        now += MINUTE
        fed(engine, value(step, now) if isinstance(step, float) else order(step, now))
        engine.advance(now + MINUTE - 1)
    assert engine.states(0) == {"H": way[0]}
    up = max(step for step in steps if isinstance(step, float)) == UP and way[0] not in ("RTNUN", "LATUN", "LATAK")
    delay, ends = (OFF_DELAY, Ev.RTN) if up else (ON_DELAY, Ev.ACTIVE)
    begun = now + MINUTE
    fed(engine, value(DOWN if up else UP, begun))

    crash = begun + delay * tenth // 10
    assert engine.advance(crash) == []
    again = Engine.restore(engine.snapshot())
    assert again.next_wake() == begun + delay + 1
    (told,) = again.advance(begun + delay + 1)
    assert (told.ev, told.t, told.since) == (ends, begun + delay, begun)
    assert [told] == engine.advance(begun + delay + 1)
    assert again.snapshot() == engine.snapshot()


# Ten thousand alarms standing, and shelves that run out while nobody is there.

MANY = 10_000


def many(count: int) -> Plan:
    settings = AlarmSettings(LIMIT, deadband=2.0, max_shelve_ms=10**9)
    return Plan(
        1,
        tuple(
            PointSettings(n, f"E{n % 7}", "S1", f"P{n}", stale_ms=10**9, alarms={"H": settings}) for n in range(count)
        ),
    )


def scan(count: int, v: float, at: int) -> Input:
    batch = readings_batch(
        gateways=np.array([-1], np.int32), at_ms=np.array([at], np.int64), message=np.zeros(count, np.int32),
        points=np.arange(count, dtype=np.int32), t_ms=np.full(count, at), values=np.full(count, v),
        qualities=np.full(count, 192, np.uint8),
    )  # fmt: skip
    return Input(batch, at)


def about(cmd: str, n: int, at: int, **more: object) -> Input:
    command = msgspec.convert(
        {"id": f"{cmd}{n}", "cmd": cmd, "enterprise": f"E{n % 7}", "tag": f"P{n}", "alarm": "H", "user": f"u{n % 5}",
         "at_ms": at, "reason": "x", **more},
        Command,
    )  # fmt: skip
    return Input(command, at)


def test_after_a_restart_ten_thousand_alarms_stand_as_they_stood_and_none_is_said_again() -> None:
    engine = Engine(many(MANY))
    fed(engine, scan(MANY, UP, BASE))
    for n in range(0, MANY, 2):
        fed(engine, about("ACK", n, BASE + 1_000))
    for n in range(0, MANY, 100):
        fed(engine, about("SHELVE", n + 1, BASE + 2_000, until=BASE + MINUTE))
    again = Engine.restore(engine.snapshot())

    stood, stands = engine.standing(), again.standing()
    assert len(stood) == MANY
    assert stands == stood, "0 new, 0 missing, each with its number, time, state and who acknowledged it"
    states = Counter(event.state for event in stands)
    assert states == {State.ACKED: MANY // 2, State.SHLVD: MANY // 100, State.UNACK: MANY // 2 - MANY // 100}
    assert fed(again, scan(MANY, UP, BASE + 3_000)) == [], "nothing is raised again"
    (first,) = fed(again, about("ACK", 3, BASE + 4_000))
    assert (first.ev, first.occ) == (Ev.ACK, 1)


@pytest.mark.parametrize("while_down", [False, True], ids=["before the expiry", "over the expiry"])
def test_every_shelve_that_runs_out_over_a_restart_is_annunciated_again_in_its_own_time(while_down: bool) -> None:
    count = MANY // 10
    engine = Engine(many(count))
    fed(engine, scan(count, UP, BASE))
    ends = {n: BASE + 10_000 + 7 * n for n in range(count)}
    for n, until in ends.items():
        fed(engine, about("SHELVE", n, BASE + 1_000, until=until))
    again = Engine.restore(engine.snapshot())
    events: list[Event] = []
    if while_down:  # the clock has gone beyond all of them before anything is evaluated again
        events += again.advance(max(ends.values()) + MINUTE)
    while (wake := again.next_wake()) is not None and wake <= max(ends.values()) + MINUTE:
        events += again.advance(wake)
    told = {int(event.tag[1:]): event.t for event in events if event.ev is Ev.UNSHELVED and event.ann}
    assert told == ends, "100 % re-annunciated, each at its expiry"
    assert {event.state for event in events} == {State.UNACK}
    assert len(events) == count


def test_a_shelve_that_runs_out_over_a_restart_on_an_alarm_that_returned_is_silent() -> None:
    engine = Engine(many(10))
    fed(engine, scan(10, UP, BASE))
    for n in range(10):
        fed(engine, about("SHELVE", n, BASE + 1_000, until=BASE + 10_000))
    fed(engine, scan(10, DOWN, BASE + 2_000))
    events = Engine.restore(engine.snapshot()).advance(BASE + MINUTE)
    assert [(event.ev, event.ann, event.state) for event in events] == [(Ev.UNSHELVED, False, State.NORM)] * 10
