"""A source of chance in, a vector out whose samples, ticks and commands crowd around limits and due times."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from tests.reference.settings import HIGH, ORDER, alarm_config, fault, point_config

Step = dict[str, Any]
LIMITS = {"HH": 90.0, "H": 80.0, "L": 20.0, "LL": 10.0}
SETS = (("HH", "H"), ("H",), ("HH",), ("LL", "L"), ("L",), ("HH", "H", "LL", "L"), ("H", "L"))
FAULTS: tuple[dict[str, Any], ...] = (
    {"limit": "NaN"},
    {"limit": "Inf"},
    {"deadband": -1.0},
    {"deadband": "Inf"},
    {"on_delay_ms": -1},
    {"off_delay_ms": -1},
    {"realarm_ms": -1},
    {"max_shelve_ms": -1},
)
COMMANDS = ("ACK", "ACK", "ACK", "RESET", "SHELVE", "SHELVE", "UNSHELVE", "SUPPRESS", "OOS", "SET", "SET")


def random_vector(chance: Random, name: str, steps: int) -> dict[str, Any]:
    """A vector whose settings may stand."""
    point, alarms = _point(chance), _alarms(chance)
    while fault(point_config(point), {level: alarm_config(alarm) for level, alarm in alarms.items()}) is not None:
        alarms = _alarms(chance)
    story = Story(chance, point, alarms)
    return {"id": name, "point": point, "alarms": alarms, "steps": [story.step() for _ in range(steps)]}


def random_settings(chance: Random, name: str) -> dict[str, Any]:
    """A vector without steps, whose settings may stand or not."""
    alarms = _alarms(chance)
    for alarm in alarms.values():
        alarm["limit"] += chance.choice((0.0, 0.0, -10.0, 10.0, 3.0, -3.0))
        alarm["deadband"] = chance.choice((0.0, 2.0, 10.0, 12.0, 30.0, 30.0, 60.0))
        if chance.random() < 0.05:
            alarm.update(chance.choice(FAULTS))
    return {"id": name, "point": {}, "alarms": alarms, "steps": []}


def _point(chance: Random) -> dict[str, Any]:
    return {
        "stale_ms": chance.choice((None, 3000, 12_000)),
        "start_t": chance.choice((None, 0)),
        "reorder_ms": chance.choice((0, 0, 0, 1000, 2500)),
        "timer_lag_ms": chance.choice((0, 0, 1000, 2000)),
        "max_future_ms": chance.choice((None, None, 10_000)),
    }


def _alarms(chance: Random) -> dict[str, Any]:
    return {level: _alarm(chance, level) for level in chance.choice(SETS)}


def _alarm(chance: Random, level: str) -> dict[str, Any]:
    return {
        "limit": LIMITS[level],
        "deadband": chance.choice((0.0, 2.0, 2.0, 5.0)),
        "on_delay_ms": chance.choice((0, 0, 1000, 5000)),
        "off_delay_ms": chance.choice((0, 0, 1000, 5000)),
        "latch": chance.random() < 0.4,
        "ack_rtn": chance.random() < 0.75,
        "shelvable": chance.random() < 0.9,
        "max_shelve_ms": chance.choice((43_200_000, 10_000)),
        "realarm_ms": chance.choice((None, None, 10_000, 7000)),
        "on_bad": chance.choice(("hold", "hold", "alarm")),
    }


class Story:
    """What happens to one point, step by step."""

    def __init__(self, chance: Random, point: dict[str, Any], alarms: dict[str, Any]) -> None:
        self.chance = chance
        self.alarms = {level: dict(alarm) for level, alarm in alarms.items()}
        self.clock = 0  # the engine's
        self.behind = chance.choice((0, 0, 700, 20_000))  # the feed's usual delay
        self.newest = -self.behind
        self.least = self.behind  # the smallest delay yet
        self.offline = chance.random() < 0.4 and point["reorder_ms"] == 0
        self.samples: list[Step] = []
        self.acked: str | None = None  # a latch to be reset next
        spans: set[int] = {500, 1000, point["reorder_ms"], point["timer_lag_ms"], point["stale_ms"] or 2000}
        for alarm in alarms.values():
            spans |= {alarm["on_delay_ms"], alarm["off_delay_ms"], alarm["realarm_ms"] or 0}
        self.spans = sorted(spans)

    def step(self) -> Step:
        kind = self.chance.random()
        if kind < 0.62:
            if self.offline and kind < 0.02:
                self.clock += self.chance.choice((29_999, 30_001, 45_000, 120_000, 700_000))
            return self._sample()
        if self.acked is not None and kind < 0.9:
            level, self.acked = self.acked, None
            return self._command("RESET", level)
        if kind < 0.76:
            self.clock += self._wait()
            return {"tick": self.clock}
        if kind < 0.80:
            return {"restart": True}
        self.clock += self.chance.choice((0, 0, 1, 300, self._wait()))
        return self._command(self.chance.choice(COMMANDS), self.chance.choice(list(self.alarms)))

    def _wait(self) -> int:
        return max(0, self.chance.choice(self.spans) + self.chance.choice((-1, 0, 0, 1)))

    def _sample(self) -> Step:
        chance = self.chance
        kind = chance.random()
        if self.samples and kind < 0.04:
            return self._arriving({**chance.choice(self.samples[-3:])})
        if kind < 0.12:
            t = self.newest - chance.choice((1, 500, 1000, 3000))
        elif kind < 0.14:
            t = self.clock + chance.choice((10_000, 10_001, 9_999)) + self._wait()
        else:
            t = self.newest + self._wait()
        if kind < 0.12 or kind > 0.2:
            self.clock = max(self.clock, t + self.behind + chance.choice((0, 0, 0, 200, 1500)))
        else:
            self.clock += self._wait()
        self.newest = max(self.newest, t) if t <= self.clock + 5000 else self.newest
        return self._arriving({"s": [t, self._value(), chance.choice("GGGGGGGUBB")]})

    def _arriving(self, step: Step) -> Step:
        """Late by more than 30 s, and so an excursion while offline (R15), only where outages are part of the story."""
        t, v, q = step["s"]
        if not self.offline:
            t = max(t, self.clock - self.least - 30_000)
        self.least = min(self.least, self.clock - t)
        self.samples.append({"s": [t, v, q]})
        return {"s": [t, v, q], "at": self.clock}

    def _value(self) -> float | str:
        chance = self.chance
        if chance.random() < 0.04:
            return chance.choice(("NaN", "Inf", "-Inf"))
        level = chance.choice(list(self.alarms))
        alarm = self.alarms[level]
        sign = 1 if level in HIGH else -1
        edge = chance.choice((alarm["limit"], alarm["limit"], alarm["limit"] - sign * alarm["deadband"]))
        near = (edge, math.nextafter(edge, math.inf), math.nextafter(edge, -math.inf), edge + sign, edge - sign)
        return chance.choice((*near, 50.0, 50, 50.0, 95.5, 5, 85))

    def _command(self, name: str, level: str) -> Step:
        chance = self.chance
        step: Step = {"cmd": name, "t": self.clock, "alarm": level, "user": "op1"}
        match name:
            case "ACK":
                self.acked = level if self.alarms[level]["latch"] else None
                if chance.random() < 0.3:
                    step["occ"] = chance.choice((1, 1, 2, 3))
            case "SHELVE":
                step["until"] = self.clock + chance.choice((0, 1, 1000, 5000, 10_000, 10_001, self._wait()))
                step["reason"] = chance.choice(("WO-17", "WO-17", "WO-17", "WO-17", ""))
                step["oneshot"] = chance.random() < 0.4
            case "SUPPRESS":
                step["on"] = chance.choice((True, True, False, False, None))
                step["cause"] = "mode=SHUTDOWN"
            case "OOS":
                step["on"] = chance.choice((True, False, False))
                if chance.random() < 0.8:
                    step["permit"] = "PTW-9"
            case "SET":
                step["values"] = self._values(level)
        return step

    def _values(self, level: str) -> dict[str, Any]:
        chance = self.chance
        other = _alarm(chance, level)
        other["limit"] += chance.choice((-4.0, -1.0, 0.0, 1.0, 4.0, 15.0, -15.0))
        names = chance.sample(sorted(other), chance.choice((1, 1, 1, 2)))
        values = {name: other[name] for name in names}
        after = {**self.alarms, level: {**self.alarms[level], **values}}
        settings = {name: alarm_config(after[name]) for name in ORDER if name in after}
        if fault(point_config({}), settings) is None:
            self.alarms = after
        return values
