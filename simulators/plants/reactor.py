"""A batch that heats itself, and no water when cooling is wanted."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from itertools import pairwise

from simulators.incident import Incident

PHASES = ("loading", "heating", "mixer_on", "heater_off", "cooling_wanted", "owners_called")
BEFORE_C = (
    (0.0, 25.0),
    (8.0, 25.0),
    (12.0, 60.0),
    (16.0, 182.0),
    (18.25, 182.0),
)  # hours before; a batch that is cooled


class Reactor:
    """The reactor of T2 Laboratories. Temperatures in degC, pressure in bar, flow in m3/h, current in A."""

    def __init__(self, incident: Incident, seed: int, since: datetime | None = None) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        self.now = since or incident.begins
        self.temperature_c = self._temperature_at(self.now)

    def step(self, dt_s: float) -> None:
        before = self._temperature_at(self.now)
        self.now += timedelta(seconds=dt_s)
        self.temperature_c += self._temperature_at(self.now) - before

    def values(self) -> dict[str, float | None]:
        incident = self._incident
        cooling_failed = self.now >= incident.at("cooling_wanted")
        mixing = self.now >= incident.at("mixer_on") or self.temperature_c > incident.value("mixer_on")
        flow = 0.0 if cooling_failed else max(0.0, incident.value("jacket_m3h") + self._noise("flow_noise_m3h"))
        current = incident.value("stirrer_a") + self._noise("current_noise_a") if mixing else 0.0
        return {
            "TT": round(self.temperature_c + self._noise("temperature_noise_c"), 2),
            "PT": round(self._pressure_bar() + self._noise("pressure_noise_bar"), 3),
            "JF": round(flow, 2),
            "JT": round(min(self.temperature_c, 95.0) - 8 + self._noise("temperature_noise_c"), 2),
            "FI": round(current, 1),
        }

    def _noise(self, name: str) -> float:
        return self._random.gauss(0, self._incident.value(name))

    def _temperature_at(self, now: datetime) -> float:
        """Straight from figure to figure; exponential in the second exotherm."""
        incident = self._incident
        if now < incident.begins:
            return _before_c((incident.begins - now) / timedelta(hours=1))
        for name, following in pairwise(PHASES):
            begins, ends = incident.at(name), incident.at(following)
            if now < ends:
                share = (now - begins) / (ends - begins)
                return incident.value(name) + (incident.value(following) - incident.value(name)) * share
        low, high = incident.value("owners_called"), incident.value("burst")
        return low + (high - low) * _runaway(now, incident.at("owners_called"), incident.at("burst"))

    def _pressure_bar(self) -> float:
        incident = self._incident
        low, high = incident.value("pressure_before_bar"), incident.value("disc_bursts")
        if self.now < incident.at("owners_called"):
            warm = max(0.0, self.temperature_c - 25) / (incident.value("owners_called") - 25)
            return 1.0 + (low - 1.0) * warm
        return low + (high - low) * _runaway(self.now, incident.at("owners_called"), incident.at("disc_bursts"))


def _before_c(hours: float) -> float:
    """The batch of the day before, so many hours before the loading of this one."""
    for (late, cold), (early, hot) in pairwise(BEFORE_C):
        if hours < early:
            return cold + (hot - cold) * (hours - late) / (early - late)
    return BEFORE_C[-1][1]


def _runaway(now: datetime, begins: datetime, ends: datetime) -> float:
    """0 at the beginning, 1 at the end, doubling ever faster."""
    share = (now - begins) / (ends - begins)
    return math.expm1(5 * share) / math.expm1(5)
