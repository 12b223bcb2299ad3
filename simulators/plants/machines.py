"""Load to what machines show: a cooled reactor, a refrigeration plant, a switchboard, a filter."""

from __future__ import annotations

import random

from simulators.plants.weather import Lag, Sky, Wander


class CooledReactor:
    """A batch at its temperature: the jacket gets more water as soon as it warms."""

    SET_C = 78.0

    def __init__(self, _sky: Sky, chance: random.Random) -> None:
        self.temperature_c = self.SET_C
        self._heat = Wander(0.004, 300.0, chance)  # degC a second, beyond what the mean flow takes away
        self._feed = Wander(2.0, 600.0, chance)
        self._stirrer = Wander(0.8, 200.0, chance)
        self.jacket_m3h = 25.0

    def step(self, dt_s: float) -> None:
        for part in (self._heat, self._feed, self._stirrer):
            part.step(dt_s)
        left = dt_s
        while left > 0:  # in small steps: the jacket answers within a minute
            now = min(left, 5.0)
            left -= now
            self.jacket_m3h = 25.0 + min(5.0, max(-5.0, 4.0 * (self.temperature_c - self.SET_C)))
            self.temperature_c += (self._heat.value - 0.0025 * (self.jacket_m3h - 25.0)) * now

    def truths(self) -> dict[str, float]:
        away = self.temperature_c - self.SET_C
        return {
            "TTA": self.temperature_c,
            "TTB": self.temperature_c + 0.1,
            "PT": 2.2 + 0.06 * away,
            "JF": self.jacket_m3h,
            "JT": 31.0 + 0.5 * away,
            "II": 52.0 + self._stirrer.value,
            "FI": 300.0 + self._feed.value,
        }


class Refrigeration:
    """Compressors that work harder by day: all pressures and temperatures go with their load."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._wander = Wander(0.06, 1_500.0, chance)
        self._receiver = Wander(2.5, 1_200.0, chance)

    def step(self, dt_s: float) -> None:
        self._wander.step(dt_s)
        self._receiver.step(dt_s)

    def truths(self) -> dict[str, float]:
        load = min(0.95, max(0.2, 0.55 + 0.15 * self._sky.swing + self._wander.value))
        return {
            "LT": 35 + self._receiver.value,
            "SP": 0.07 + 0.06 * load,
            "DP": 1.0 + 0.3 * load,
            "DT": 76 + 24 * load,
            "VB": 1.5 + 1.5 * load,
            "FAN": 0.0,
        }


class Switchboard:
    """Three phases under one load; cables warm with its square, within minutes."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._wander = Wander(0.05, 900.0, chance)
        self._warmth = Lag(0.3, 1_200.0)

    @property
    def load(self) -> float:
        return min(0.9, max(0.2, 0.55 + 0.15 * self._sky.swing + self._wander.value))

    def step(self, dt_s: float) -> None:
        self._wander.step(dt_s)
        self._warmth.step(dt_s, self.load**2)

    def truths(self) -> dict[str, float]:
        cable = self._sky.temperature_c + 25 * self._warmth.value
        cables = {f"CT{number}": cable + 0.5 * number for number in range(1, 5)}
        phases = {"IA": 200 * self.load, "IB": 196 * self.load, "IC": 203 * self.load}
        return {"RC": 45 + 40 * self.load, **phases, **cables}


class DustCollector:
    """Bags that clog and are cleaned by a pulse of air."""

    CLEAN_PA, DIRTY_PA, CLOGS_PA_H = 850.0, 1_450.0, 900.0

    def __init__(self, _sky: Sky, chance: random.Random) -> None:
        self._pressure_pa = chance.uniform(self.CLEAN_PA, self.DIRTY_PA)

    def step(self, dt_s: float) -> None:
        self._pressure_pa += self.CLOGS_PA_H * dt_s / 3600
        if self._pressure_pa >= self.DIRTY_PA:
            self._pressure_pa = self.CLEAN_PA

    def truths(self) -> dict[str, float]:
        return {"DP": self._pressure_pa}
