"""A batch that heats itself, and no water when cooling is wanted."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from itertools import pairwise

from simulators.incident import Incident

PHASES = ("loading", "heating", "mixer_on", "heater_off", "cooling_wanted", "owners_called")


class Reactor:
    """The reactor of T2 Laboratories. Temperatures in degC, pressure in bar, flow in m3/h, current in A."""

    def __init__(self, incident: Incident, seed: int) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        self.now = incident.begins
        self.temperature_c = incident.value("loading")

    def step(self, dt_s: float) -> None:
        before = self._temperature_at(self.now)
        self.now += timedelta(seconds=dt_s)
        self.temperature_c += self._temperature_at(self.now) - before

    def values(self) -> dict[str, float | None]:
        incident = self._incident
        cooling_failed = self.now >= incident.at("cooling_wanted")
        mixing = self.now >= incident.at("mixer_on")
        flow = 0.0 if cooling_failed else max(0.0, incident.value("jacket_m3h") + self._random.gauss(0, 0.3))
        current = incident.value("stirrer_a") + self._random.gauss(0, 0.8) if mixing else 0.0
        return {
            "TT": round(self.temperature_c + self._random.gauss(0, 0.1), 2),
            "PT": round(self._pressure_bar() + self._random.gauss(0, 0.01), 3),
            "JF": round(flow, 2),
            "JT": round(min(self.temperature_c, 95.0) - 8 + self._random.gauss(0, 0.1), 2),
            "FI": round(current, 1),
        }

    def _temperature_at(self, now: datetime) -> float:
        """Straight from figure to figure; exponential in the second exotherm."""
        incident = self._incident
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


def _runaway(now: datetime, begins: datetime, ends: datetime) -> float:
    """0 at the beginning, 1 at the end, doubling ever faster."""
    share = (now - begins) / (ends - begins)
    return math.expm1(5 * share) / math.expm1(5)
