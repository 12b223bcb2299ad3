"""A flood in bulk and one sample at a time: the same events, and the same engine afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerting.engine import Engine
from alerting.events import Ev
from alerting.replay import readings_batch
from line.messages import Batch, Command
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings
from tests.unit.alerting.test_engine_properties import everything_scalar, everything_vectorised

POINTS, ROUNDS = 400, 40
AROUND = [50.0, 80.0, 79.0, 78.0, 77.9, 89.9, 90.0, 95.0, 88.0, 87.9, 20.0, 22.1, 15.0, 10.0, 5.0, 12.1, np.nan]


def plan() -> Plan:
    rng = np.random.default_rng(3)

    def alarm(limit: float) -> AlarmSettings:
        return AlarmSettings(
            limit, deadband=2.0,
            on_delay_ms=int(rng.choice([0, 0, 1_500])), off_delay_ms=int(rng.choice([0, 0, 2_500])),
            latch=bool(rng.random() < 0.3), ack_rtn=bool(rng.random() < 0.6), priority=int(rng.integers(1, 5)),
            realarm_ms=None if rng.random() < 0.7 else 4_000, on_bad="alarm" if rng.random() < 0.1 else "hold",
        )  # fmt: skip

    levels = {"HH": 90.0, "H": 80.0, "LL": 10.0, "L": 20.0}
    points = tuple(
        PointSettings(
            id=n, enterprise=f"E{n % 3}", source="S", tag=f"T{n}", unit="m" if n % 2 else "", exercise=n % 5 == 0,
            stale_ms=None if n % 4 else 6_000, timer_lag_ms=1_000 if n % 2 else 0,
            alarms={level: alarm(limit) for level, limit in levels.items() if rng.random() < 0.8},
        )
        for n in range(POINTS)
    )  # fmt: skip
    return Plan(1, points, gateways=(GatewaySettings(0, "E0", "G0"),))


def batches() -> list[Batch]:
    """Each point a value about its limits every second or so; a few late, a few again, a few from far behind."""
    rng = np.random.default_rng(4)
    made = []
    for turn in range(ROUNDS):
        t = 1_000_000 + turn * 1_000 + rng.integers(0, 1_200, POINTS)
        late = rng.random(POINTS) < 0.02
        at = int(t.max())
        made.append(
            readings_batch(
                gateways=np.zeros(2, np.int32), at_ms=np.array([at, at + 40_000 * (turn == 20)], np.int64),
                message=(rng.random(POINTS) < 0.05).astype(np.int32), points=rng.permutation(POINTS).astype(np.int32),
                t_ms=t - late * 5_000, values=rng.choice(AROUND, POINTS),
                qualities=rng.choice([192, 192, 192, 192, 64, 0], POINTS).astype(np.uint8),
            )
        )  # fmt: skip
    return made


def commands(turn: int, at: int) -> list[Command]:
    """A few people at work in the middle of it: alarms silenced, acknowledged, taken back."""
    rng = np.random.default_rng(turn)
    return [
        Command(
            f"c{turn}-{number}", str(rng.choice(["SHELVE", "SUPPRESS", "OOS", "ACK", "UNSHELVE", "RESET"])),
            f"E{n % 3}", f"T{n}", str(rng.choice(["HH", "H", "L", "LL"])), "op", at,
            reason="x", until=at + int(rng.integers(2_000, 20_000)), oneshot=bool(rng.random() < 0.3),
            on=bool(rng.random() < 0.6), permit="P",
        )
        for number, n in enumerate(rng.integers(0, POINTS, 30).tolist())
    ]  # fmt: skip


def played(work: list[Batch]) -> tuple[Any, ...]:
    engine = Engine(plan())
    events = []
    for place, batch in enumerate(work):
        at = int(batch.at_ms[0])
        events += engine.apply(batch, at)
        for command in commands(place, at):
            events += engine.apply(command, at)
        if place % 7 == 6:
            events += engine.advance(at + 500)
    wakes = []
    while (wake := engine.next_wake()) is not None and wake < 1_200_000:
        wakes.append(wake)
        events += engine.advance(wake)
    latest = engine.latest()
    states = [engine.states(n) for n in range(POINTS)]
    standing = sorted((e.enterprise, e.tag, e.alarm, e.t) for e in engine.standing())
    return events, wakes, latest.t_ms.tolist(), latest.values.tolist(), states, standing, engine.counters


def test_a_flood_in_bulk_says_what_the_rules_say_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    work = batches()
    everything_vectorised(monkeypatch)
    bulk = played(work)
    everything_scalar(monkeypatch)
    plain = played(work)
    assert len(bulk[0]) > 10_000
    assert {Ev.SHELVED, Ev.UNSHELVED, Ev.SUPPRESSED, Ev.OOS, Ev.IN_SERVICE, Ev.ACK} <= {event.ev for event in bulk[0]}
    for one, other in zip(bulk[0], plain[0], strict=False):
        assert one == other
    assert str(bulk) == str(plain)
