"""A pipeline that fills a liquefied gas terminal, and a break of the terminal's line."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from simulators.incident import Incident
from simulators.plants.storage import Sphere
from simulators.plants.weather import Sky, Wander

SLOW_MPA, SLOW_S = 0.006, 3_600.0  # how far and how slowly the line's pressure wanders
PUMP_H = ((14.0, 0.03), (6.0, -0.03))  # hours before the break: the station changes its pumps, MPa


class Terminal:
    """San Juanico's sphere, its line and the station that pumps. Pressures in MPa, level in %, flow in m3/h."""

    def __init__(self, incident: Incident, seed: int, since: datetime) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        midnight = since.replace(hour=0, minute=0, second=0)
        self._sky = Sky(random.Random(f"{seed} sky"), (since - midnight).total_seconds())
        self._sphere = Sphere(self._sky, random.Random(f"{seed} sphere"))
        self._slow = Wander(SLOW_MPA, SLOW_S, random.Random(f"{seed} line"))
        self.now = since

    def step(self, dt_s: float) -> None:
        self.now += timedelta(seconds=dt_s)
        self._sky.step(dt_s)
        self._sphere.step(dt_s)
        self._slow.step(dt_s)

    def values(self) -> dict[str, float | None]:
        incident, truths = self._incident, self._sphere.truths()
        line = incident.value("line_mpa") + self._slow.value + self._pumps()
        station = line + incident.value("station_above_mpa")
        late = timedelta(seconds=incident.value("wave_s"))
        return {
            "LP": self._pressure(line - self._fallen("line_falls_kpa_min", self.now)),
            "STP": self._pressure(station - self._fallen("station_falls_kpa_min", self.now - late)),
            "PT": self._pressure(truths["PT1"]),
            "LT": round(truths["LT1"] + self._random.gauss(0, incident.value("level_noise_pct")), 2),
            "TT": round(truths["TT1"] + self._random.gauss(0, incident.value("temperature_noise_c")), 2),
            "FI": round(incident.value("fill_m3h") + self._random.gauss(0, incident.value("flow_noise_m3h")), 1),
        }

    def _pressure(self, truth: float) -> float:
        return round(truth + self._random.gauss(0, self._incident.value("pressure_noise_mpa")), 4)

    def _pumps(self) -> float:
        """What the station's changes have done so far."""
        broke = self._incident.at("pressure_falls")
        minutes = [((self.now - broke) / timedelta(minutes=1) + hours * 60, change) for hours, change in PUMP_H]
        a_minute = self._incident.value("pumps_change_kpa_min") / 1000
        return sum(change * min(1.0, max(0.0, since * a_minute / abs(change))) for since, change in minutes)

    def _fallen(self, rate: str, now: datetime) -> float:
        """MPa since the line broke."""
        minutes = (now - self._incident.at("pressure_falls")) / timedelta(minutes=1)
        return self._incident.value(rate) / 1000 * max(0.0, minutes)
