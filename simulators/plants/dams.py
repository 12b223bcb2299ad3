"""Two tailings dams: one that a storm overtopped, and one that showed nothing until it was gone."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from simulators.incident import Incident
from simulators.plants.weather import Lag, Wander

DAY = timedelta(days=1)
PIEZOMETERS, MARKS = 3, 6
SLOW_M, SLOW_S = 0.004, 20_000.0  # how far and how slowly the pool wanders on an ordinary day


class Overtopped:
    """Merriespruit: a pool too near the crest, and a storm. Freeboard and depths in m, rain in mm."""

    def __init__(self, incident: Incident, seed: int, since: datetime) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        self._slow = Wander(SLOW_M, SLOW_S, random.Random(f"{seed} pool"))
        self._run_off = Lag(0.0, incident.value("run_off_min") * 60)  # mm that have reached the pool
        self.now = since

    def step(self, dt_s: float) -> None:
        self.now += timedelta(seconds=dt_s)
        self._slow.step(dt_s)
        self._run_off.step(dt_s, self._storm_mm(self.now))

    @property
    def freeboard_m(self) -> float:
        """As it truly is; at 0 water runs over."""
        incident = self._incident
        risen = self._run_off.value / 1000 * incident.value("catchment")
        return max(0.0, incident.value("freeboard_m") + self._slow.value - risen)

    def values(self) -> dict[str, float | None]:
        incident = self._incident
        found: dict[str, float | None] = {
            "FB": round(self.freeboard_m + self._random.gauss(0, incident.value("freeboard_noise_m")), 3),
            "RN": round(round(self._rain_24h_mm() / 0.2) * 0.2, 1),  # a gauge that tips at every 0.2 mm
            "SF": round(incident.value("seepage_l_s") + self._random.gauss(0, incident.value("seepage_noise_l_s")), 2),
        }
        for number in range(1, PIEZOMETERS + 1):
            depth = incident.value("phreatic_m") + 0.4 * (number - 1)
            found[f"PH{number}"] = round(depth + self._random.gauss(0, incident.value("phreatic_noise_m")), 3)
        return found

    def _rain_24h_mm(self) -> float:
        return self._rained_mm(self.now) - self._rained_mm(self.now - DAY)

    def _rained_mm(self, now: datetime) -> float:
        """Since ever: a shower the morning before, and the storm."""
        shower = (now - self._incident.at("shower_mm")) / timedelta(hours=1)
        return self._incident.value("shower_mm") * min(1.0, max(0.0, shower)) + self._storm_mm(now)

    def _storm_mm(self, now: datetime) -> float:
        lasts = timedelta(minutes=self._incident.value("storm_min"))
        share = (now - self._incident.at("storm_begins")) / lasts
        return self._incident.value("storm_mm") * min(1.0, max(0.0, share))


class Liquefied:
    """Brumadinho: instruments that go on as in the weeks before. Depths in m, displacement and rain in mm."""

    def __init__(self, incident: Incident, seed: int, since: datetime) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        self._slow = Wander(SLOW_M, SLOW_S, random.Random(f"{seed} pool"))
        self.now = since

    def step(self, dt_s: float) -> None:
        self.now += timedelta(seconds=dt_s)
        self._slow.step(dt_s)

    def values(self) -> dict[str, float | None]:
        incident = self._incident
        found: dict[str, float | None] = {
            "RN": incident.value("rain_24h_mm"),
            "SF": round(incident.value("seepage_l_s") + self._random.gauss(0, incident.value("seepage_noise_l_s")), 2),
        }
        for number in range(1, PIEZOMETERS + 1):
            depth = incident.value("phreatic_m") + 0.4 * (number - 1) + self._slow.value
            found[f"PH{number}"] = round(depth + self._random.gauss(0, incident.value("phreatic_noise_m")), 3)
        for number in range(1, MARKS + 1):
            moved = self._moved_mm() * (number / MARKS)
            found[f"DX{number}"] = round(moved + self._random.gauss(0, incident.value("displacement_noise_mm")), 2)
        return found

    def _moved_mm(self) -> float:
        """Since the marks were set, by the one that moves most."""
        days = max(0.0, (self.now - self._incident.at("marks_set")) / DAY)
        return self._incident.value("deformation_mm_year") * days / 365
