"""Time to weather, and to what follows it: warehouses that warm by day, a tailings dam that takes the rain."""

from __future__ import annotations

import math
import random
from collections import deque

DAY_S = 86_400.0
WARMEST_S = 15 * 3600.0  # of the local day
MEAN_C, SWING_C = 17.0, 5.0
SHOWERS_A_DAY, SHOWER_S, SHOWER_MM_H = 0.8, 2_400.0, 5.0
MOST_RAIN_MM = 18.0  # in 24 h: an ordinary day
BIN_S = 600.0


class Wander:
    """An Ornstein-Uhlenbeck process around zero: `sigma` is how far it usually is, `tau_s` how slowly it goes."""

    def __init__(self, sigma: float, tau_s: float, chance: random.Random) -> None:
        self._sigma, self._tau_s, self._random = sigma, tau_s, chance
        self.value = 0.0

    def step(self, dt_s: float) -> None:
        decay = math.exp(-dt_s / self._tau_s)
        self.value = self.value * decay + self._random.gauss(0, self._sigma * math.sqrt(1 - decay * decay))


class Lag:
    """What follows another value with a time constant."""

    def __init__(self, value: float, tau_s: float) -> None:
        self.value, self._tau_s = value, tau_s

    def step(self, dt_s: float, towards: float) -> None:
        self.value += (towards - self.value) * -math.expm1(-dt_s / self._tau_s)


class Sky:
    """Air temperature and rain over one enterprise; `at_s` is its local time of day."""

    def __init__(self, chance: random.Random, at_s: float) -> None:
        self._random = chance
        self._at_s = at_s % DAY_S
        self._wander = Wander(1.0, 20_000.0, chance)
        self._raining_s = self._bin_s = 0.0
        self._bins: deque[float] = deque([0.0], maxlen=round(DAY_S / BIN_S))

    @property
    def swing(self) -> float:
        """-1 before sunrise, 1 in the afternoon."""
        return math.cos(2 * math.pi * (self._at_s - WARMEST_S) / DAY_S)

    @property
    def temperature_c(self) -> float:
        return MEAN_C + SWING_C * self.swing + self._wander.value

    @property
    def rain_mm_h(self) -> float:
        return SHOWER_MM_H if self._raining_s > 0 else 0.0

    @property
    def rain_24h_mm(self) -> float:
        return sum(self._bins)

    def step(self, dt_s: float) -> None:
        self._at_s = (self._at_s + dt_s) % DAY_S
        self._wander.step(dt_s)
        self._bins[-1] += self.rain_mm_h * min(dt_s, self._raining_s) / 3600
        self._raining_s = max(0.0, self._raining_s - dt_s)
        self._bin_s += dt_s
        while self._bin_s >= BIN_S:
            self._bin_s -= BIN_S
            self._bins.append(0.0)
        may_rain = self.rain_24h_mm < MOST_RAIN_MM - SHOWER_MM_H * SHOWER_S / 3600
        if may_rain and self._random.random() < SHOWERS_A_DAY * dt_s / DAY_S:
            self._raining_s = SHOWER_S


class Warehouse:
    """Air that follows the weather within hours, piles that follow the air within a day; dry when warm."""

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self._air = Lag(sky.temperature_c, 18_000.0)
        self._pile = Lag(MEAN_C, DAY_S)
        self._stock_t = round(chance.uniform(28, 34), 1)

    def step(self, dt_s: float) -> None:
        self._air.step(dt_s, self._sky.temperature_c)
        self._pile.step(dt_s, self._air.value)

    def truths(self) -> dict[str, float]:
        air, pile = self._air.value, self._pile.value
        piles = {f"PT{number}": pile + 0.2 * number for number in range(1, 5)}
        humidity = 60 - 1.2 * (air - MEAN_C)
        return {"AT": air, "AT1": air, "AT2": air - 0.3, "RH": humidity, "STK": self._stock_t, **piles}


class TailingsDam:
    """A pool that rises by rain and falls by the pumps; beach, phreatic line and seepage follow it."""

    CONTROL_M, CATCHMENT, PUMPS_M_H, SLOPE = -1.5, 4.0, 0.01, 30.0

    def __init__(self, sky: Sky, chance: random.Random) -> None:
        self._sky = sky
        self.pool_m = self.CONTROL_M + chance.uniform(0, 0.03)
        self._ground = Lag(self.pool_m, 2 * DAY_S)

    def step(self, dt_s: float) -> None:
        hours = dt_s / 3600
        self.pool_m += self._sky.rain_mm_h / 1000 * self.CATCHMENT * hours
        self.pool_m = max(self.CONTROL_M, self.pool_m - self.PUMPS_M_H * hours)
        self._ground.step(dt_s, self.pool_m)

    def truths(self) -> dict[str, float]:
        above, wet = self.pool_m - self.CONTROL_M, self._ground.value - self.CONTROL_M
        return {
            "PL": self.pool_m,
            "BL": 165 - self.SLOPE * above,
            "PH1": 9.2 - wet,
            "PH2": 9.8 - wet,
            "PH3": 10.4 - wet,
            "SF": 4.0 + 2 * wet,
            "RN": self._sky.rain_24h_mm,
        }
