"""Long streams over a dozen points whose alarms differ in everything: values about the limits, losses, commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

from alerting.engine import Engine
from alerting.engine.points import NEVER, Alarm
from alerting.events import Event
from line.messages import Batch, Command, Tick
from registry.alarms import AlarmSettings, GatewaySettings, Plan, PointSettings
from tests.unit.alerting.histories import Sample, batch

SCAN = 1_000
ON_DELAY, OFF_DELAY = 5_000, 4_000
STALE = 6_000
BASE = 1_000_000
POINTS = 12
VALUES = (50.0, 50.0, 79.0, 81.0, 85.0, 95.0, 77.0, 50.0)
COMMANDS = (
    "ACK",
    "ACK",
    "ACK",
    "RESET",
    "RESET",
    "SHELVE",
    "SHELVE",
    "SHELVE",
    "UNSHELVE",
    "SUPPRESS",
    "OOS",
    "SET",
    "SET",
)


@dataclass(frozen=True)
class Input:
    """One step: what the engine is given, and when."""

    message: Batch | Command | Tick
    at: int


def plan() -> Plan:
    """Latching or not, acknowledged on return or not, with delays, without, with HH above, with re-alarm."""
    points = []
    choices = product((False, True), (True, False), ((ON_DELAY, OFF_DELAY), (ON_DELAY, 0), (0, OFF_DELAY)))
    for number, (latch, ack_rtn, (on_delay, off_delay)) in enumerate(choices):
        high = AlarmSettings(
            80.0, deadband=2.0, on_delay_ms=on_delay, off_delay_ms=off_delay, latch=latch, ack_rtn=ack_rtn,
            realarm_ms=9_000 if number % 4 == 0 else None, on_bad="alarm" if number == 5 else "hold",
        )  # fmt: skip
        alarms = {"H": high}
        if number % 3 == 0:
            alarms["HH"] = AlarmSettings(90.0, deadband=2.0, on_delay_ms=on_delay // 2, off_delay_ms=2 * off_delay)
        points.append(
            PointSettings(
                number, "E1", "S1", f"P{number}", stale_ms=STALE if number % 2 else None,
                reorder_ms=1_500 if number == 7 else 0, timer_lag_ms=1_000 if number % 5 == 0 else 0, alarms=alarms,
            )
        )  # fmt: skip
    return Plan(1, tuple(points), gateways=(GatewaySettings(0, "E1", "G0"), GatewaySettings(1, "E1", "G1")))


def stream(seed: int, steps: int) -> Iterator[Input]:
    """Most steps are a scan of most points; the rest are ticks and commands. The second gateway is late for a while."""
    chance = Random(seed)  # noqa: S311  the same stream each time
    now = BASE
    values = [50.0] * POINTS
    for number in range(steps):
        kind = chance.choices(("scan", "tick", "command"), (5, 1, 4))[0]
        if kind == "command":
            now += chance.choice((0, 1, 300))
            yield Input(asked(chance, number, now), now)
            continue
        now += chance.choice((1, SCAN, SCAN, SCAN, 2 * SCAN, ON_DELAY - 1, ON_DELAY, ON_DELAY + 1))
        if kind == "tick":
            yield Input(Tick(now), now)
            continue
        behind = 40_000 if 0.4 < number / steps < 0.5 else 0
        yield Input(batch([one for n in range(POINTS) for one in sample(chance, n, now, behind, values)]), now)


def sample(chance: Random, point: int, now: int, behind: int, values: list[float]) -> Iterator[Sample]:
    """A point keeps its value for a few scans, so that delays come to their end as often as not."""
    if chance.random() < 0.15:
        return
    if chance.random() < 0.3:
        values[point] = chance.choice(VALUES)
    quality = chance.choices((192, 64, 0), (20, 1, 2))[0]
    gateway = point % 2
    t = now - behind * gateway - (SCAN if chance.random() < 0.05 else 0)
    yield Sample(point, t, values[point], quality, now, gateway)


def asked(chance: Random, number: int, now: int) -> Command:
    cmd = chance.choice(COMMANDS)
    values = chance.choice(({"limit": 79.5}, {"limit": 80.0}, {"on_delay_ms": 2_000}, {"off_delay_ms": 3_000}))
    return Command(
        f"c{number}", cmd, "E1", f"P{chance.randrange(POINTS)}", chance.choice(("H", "H", "H", "HH")), "op", now,
        reason="x", until=now + chance.choice((3_000, 12_000, 30_000)), oneshot=chance.random() < 0.3,
        on=chance.random() < 0.5, permit="P", values=dict(values) if cmd == "SET" else {},
    )  # fmt: skip


def fed(engine: Engine, step: Input) -> list[Event]:
    return engine.apply(step.message, step.at)


def alarms(engine: Engine) -> list[Alarm]:
    """Every alarm of a small engine, as the rules see it."""
    state = engine._state
    return [alarm for point in state.load(state.slots(range(POINTS))) for alarm in point.alarms]


def situations(engine: Engine) -> Iterator[tuple[str, str]]:
    """Of each alarm the state that is shown and the delay that runs: what a crash may interrupt."""
    for alarm in alarms(engine):
        running = alarm.due != NEVER
        yield alarm.state.value, ("off-delay" if alarm.active else "on-delay") if running else "at rest"
