"""Refrigeration with a quick freezer that is defrosted by hot gas, and once without letting its liquid out."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from simulators.incident import Incident
from simulators.plants.machines import Refrigeration
from simulators.plants.weather import Sky

DEFROSTS_H = (21.0, 15.0, 9.0, 3.0)  # before the last one: each with the bleed open
DETECTORS = 3
MOST_MM_S, MOST_PPM = 50.0, 1_000.0  # ends of the instruments' ranges


class Freezer:
    """Wengpai's machine room, freezer and workshop. Pressures in MPa, ammonia in ppm, vibration in mm/s rms."""

    def __init__(self, incident: Incident, seed: int, since: datetime) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        midnight = since.replace(hour=0, minute=0, second=0)
        self._sky = Sky(random.Random(f"{seed} sky"), (since - midnight).total_seconds())
        self._machines = Refrigeration(self._sky, random.Random(f"{seed} machines"))
        self._shocks = _shocks(incident, random.Random(f"{seed} shocks"))
        self.now = since

    def step(self, dt_s: float) -> None:
        self.now += timedelta(seconds=dt_s)
        self._sky.step(dt_s)
        self._machines.step(dt_s)

    def values(self) -> dict[str, float | None]:
        truths = self._machines.truths()
        found: dict[str, float | None] = {
            "LT": round(truths["LT"] + self._noise("level_noise_pct"), 2),
            "SP": round(truths["SP"] + self._noise("suction_noise_mpa"), 4),
            "DP": round(truths["DP"] + self._noise("discharge_noise_mpa"), 3),
            "DT": round(truths["DT"] + self._noise("temperature_noise_c"), 1),
            "VB": round(min(MOST_MM_S, max(0.0, self._shaking(truths["VB"]) + self._noise("vibration_noise_mms"))), 2),
            "HG": float(self._defrosting(self.now)),
            "BV": float(self._bleeding()),
        }
        for number in range(1, DETECTORS + 1):
            found[f"MR{number}"] = self._ammonia("machine_room_ppm", "machine_room_noise_ppm", 0.0)
            found[f"WA{number}"] = self._ammonia("work_area_ppm", "work_area_noise_ppm", self._cloud(number))
        return found

    def _noise(self, name: str) -> float:
        return self._random.gauss(0, self._incident.value(name))

    def _defrosting(self, now: datetime) -> bool:
        """Whether the hot-gas valve is open."""
        lasts = timedelta(minutes=self._incident.value("defrost_min"))
        last = self._incident.at("hot_gas")
        return now >= last or any(timedelta(0) <= now - (last - timedelta(hours=h)) < lasts for h in DEFROSTS_H)

    def _bleeding(self) -> bool:
        """The bleed follows the hot gas, but not the last time."""
        then = self.now - timedelta(seconds=self._incident.value("bleed_follows_s"))
        return self.now < self._incident.at("hot_gas") and self._defrosting(then)

    def _shaking(self, ordinary: float) -> float:
        if self.now >= self._incident.at("cap_off"):
            return MOST_MM_S
        if any(begins <= self.now < ends for begins, ends in self._shocks):
            return self._incident.value("shock_mms")
        return ordinary

    def _cloud(self, number: int) -> float:
        """ppm at the detector of this number: the nearer, the sooner."""
        since_s = (self.now - self._incident.at("cap_off")).total_seconds() - 5 * number
        return self._incident.value("cloud_ppm_s") * max(0.0, since_s)

    def _ammonia(self, base: str, noise: str, cloud: float) -> float:
        return round(min(MOST_PPM, max(0.0, self._incident.value(base) + cloud + self._noise(noise))), 1)


def _shocks(incident: Incident, chance: random.Random) -> list[tuple[datetime, datetime]]:
    """As many as were seen, spread evenly from the first until the cap came off, of 1 s to the longest."""
    first, count = incident.at("first_shock"), round(incident.value("shocks"))
    apart = (incident.at("cap_off") - first) / count
    longest = incident.value("longest_shock_s")
    begins = [first + number * timedelta(seconds=int(apart.total_seconds())) for number in range(count)]
    return [(at, at + timedelta(seconds=chance.uniform(1, longest))) for at in begins]
