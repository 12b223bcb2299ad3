"""Flows to contents: stores that are filled, rest and are emptied, and what they hold says the rest."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from simulators.plants.weather import MEAN_C, Lag, Sky, Wander


@dataclass(frozen=True, slots=True)
class Cycle:
    """How a store is used: filled to `full`, emptied to `low`, at rest for a time after each; contents an hour."""

    low: float
    full: float
    fill_per_h: float
    empty_per_h: float
    rest_s: float


class Contents:
    """What is in a store: it changes by what flows in and out, and by nothing else."""

    def __init__(self, cycle: Cycle, chance: random.Random) -> None:
        self._cycle = cycle
        self.amount = chance.uniform(cycle.low, cycle.full)
        self._filling = chance.random() < 0.5
        self._resting_s = 0.0

    @property
    def inlet(self) -> float:
        """An hour, at this moment."""
        return self._cycle.fill_per_h if self._filling and not self._resting_s else 0.0

    @property
    def outlet(self) -> float:
        return self._cycle.empty_per_h if not self._filling and not self._resting_s else 0.0

    def step(self, dt_s: float) -> None:
        if self._resting_s:
            self._resting_s = max(0.0, self._resting_s - dt_s)
            return
        self.amount += (self.inlet - self.outlet) * dt_s / 3600
        if self.amount >= self._cycle.full if self._filling else self.amount <= self._cycle.low:
            self._filling = not self._filling
            self._resting_s = self._cycle.rest_s


class GasolineTank:
    """An atmospheric tank with two gauges and a meter at its inlet."""

    AREA_M2 = 700.0

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        area = self.AREA_M2
        self.contents = Contents(Cycle(7.0 * area, 9.4 * area, 600.0, 480.0, 1_500.0), chance)
        self._temperature = Lag(MEAN_C, 40_000.0)

    def step(self, dt_s: float) -> None:
        self.contents.step(dt_s)
        self._temperature.step(dt_s, self._sky.temperature_c)

    def truths(self) -> dict[str, float]:
        level = self.contents.amount / self.AREA_M2
        return {"LT": level, "LTB": level, "FI": self.contents.inlet, "TT": self._temperature.value}


class Sphere:
    """Liquefied gas: its pressure is that of its vapour at its temperature."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._contents = Contents(Cycle(40.0, 68.0, 9.0, 6.0, 3_600.0), chance)
        self._liquid = Lag(MEAN_C, 40_000.0)

    def step(self, dt_s: float) -> None:
        self._contents.step(dt_s)
        self._liquid.step(dt_s, self._sky.temperature_c)

    def truths(self) -> dict[str, float]:
        liquid, level = self._liquid.value, self._contents.amount
        pressure = 0.45 * math.exp(0.0331 * (liquid - 5))  # 0.45 MPa at 5 degC, 1.1 MPa at 32 degC
        wall = self._sky.temperature_c + 6 * max(0.0, self._sky.swing)
        return {"LT1": level, "LT2": level, "PT1": pressure, "PT2": pressure, "TT1": liquid, "TT2": liquid, "WT": wall}


class RefrigeratedTank:
    """Ammonia at its boiling point: liquid and vapour are at equilibrium, a little above the air's pressure."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._contents = Contents(Cycle(8.0, 16.0, 0.5, 0.3, 7_200.0), chance)
        self._vapour = Wander(0.4, 1_800.0, chance)

    def step(self, dt_s: float) -> None:
        self._contents.step(dt_s)
        self._vapour.step(dt_s)

    def truths(self) -> dict[str, float]:
        level, over = self._contents.amount, self._vapour.value
        liquid = -33.4 + 0.25 * over
        annulus = 0.3 * self._sky.temperature_c
        return {"LT1": level, "LT2": level, "PT": 6.5 + over, "TT1": liquid, "TT2": liquid, "AT": annulus}


class ChlorineStore:
    """A tank on scales, drawn from and filled again from a road tanker; its pressure is that of chlorine's vapour."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._contents = Contents(Cycle(9.0, 31.0, 11.0, 0.9, 1_800.0), chance)
        self._caustic = Contents(Cycle(15.5, 18.5, 6.0, 0.05, 0.0), chance)
        self._liquid = Lag(MEAN_C, 30_000.0)
        self._fan = Wander(20.0, 900.0, chance)

    def step(self, dt_s: float) -> None:
        for part in (self._contents, self._caustic, self._fan):
            part.step(dt_s)
        self._liquid.step(dt_s, self._sky.temperature_c)

    def truths(self) -> dict[str, float]:
        liquid = self._liquid.value
        return {
            "WT": self._contents.amount,
            "PT": 0.27 * math.exp(0.0365 * liquid),  # 0.27 MPa at 0 degC, 0.81 MPa at 30 degC
            "TT": liquid,
            "NAOH": self._caustic.amount,
            "DP": 450 + self._fan.value,
        }


class GasHolder:
    """A bell that rises and falls with what it holds, at a pressure that its weight gives."""

    def __init__(self, _sky: Sky, chance: random.Random) -> None:
        self._contents = Contents(Cycle(36.0, 64.0, 14.0, 12.0, 600.0), chance)
        self._friction = Wander(0.05, 300.0, chance)

    def step(self, dt_s: float) -> None:
        self._contents.step(dt_s)
        self._friction.step(dt_s)

    def truths(self) -> dict[str, float]:
        height, pressure = self._contents.amount, 2.6 + self._friction.value
        drawn = 0.2 if self._contents.outlet else 0.0
        return {"HTA": height, "HTB": height, "PT": pressure, "CPT": pressure - 0.3 - drawn}


class HydrogenStore:
    """Bottles of a fixed volume: pressure goes with what is in them and with their temperature."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._contents = Contents(Cycle(9.0, 14.0, 2.0, 1.2, 1_200.0), chance)  # MPa at 15 degC
        self._gas = Lag(MEAN_C, 5_000.0)

    def step(self, dt_s: float) -> None:
        self._contents.step(dt_s)
        self._gas.step(dt_s, self._sky.temperature_c)

    def truths(self) -> dict[str, float]:
        return {"PT": self._contents.amount * (273.15 + self._gas.value) / 288.15, "TT": self._gas.value}
