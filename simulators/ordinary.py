"""A tag to the values of an ordinary day: a base, slow drift, noise, and now and then a harmless excursion."""

from __future__ import annotations

import math
import random

from simulators.tags import Tag

GAS = ("gas_combustible", "gas_toxic")
DRIFT_S = 1_800.0  # time constant of the slow drift
DRIFT_SHARE, NOISE_SHARE = 0.07, 0.008  # of the distance to the nearest limit
EXCURSION_S = 45.0  # how long a value stays beyond its limit, on top of the alarm's delay
FILL_S, REST_S, EMPTY_S = 2_400.0, 1_500.0, 3_000.0  # the cycle of an ordinary tank
FILL_M3H, AREA_M2, LOWEST_M = 600.0, 700.0, 7.0


class Ordinary:
    """One tag's day. `step` goes forward, `value` is what the instrument shows."""

    def __init__(self, tag: Tag, seed: int) -> None:
        self.tag = tag
        self._random = random.Random(f"{seed} {tag.enterprise} {tag.tag}")
        self._base, self._room = base_of(tag)
        self._drift = 0.0
        self._beyond_s = 0.0

    def step(self, dt_s: float) -> None:
        decay = math.exp(-dt_s / DRIFT_S)
        spread = self._room * DRIFT_SHARE * math.sqrt(1 - decay * decay)
        self._drift = self._drift * decay + self._random.gauss(0, spread)
        self._beyond_s = max(0.0, self._beyond_s - dt_s)

    def excursion(self) -> None:
        """Beyond the high limit for long enough to ring, then back."""
        self._beyond_s = self.tag.on_delay_s + EXCURSION_S

    def value(self) -> float:
        if self.tag.kind == "discrete":
            return 0.0
        if self._beyond_s > 0 and "h" in self.tag.limits:
            return round(self.tag.limits["h"] + self._room * 0.04, 4)
        shown = self._base + self._drift + self._random.gauss(0, self._room * NOISE_SHARE)
        if self.tag.kind in GAS or self.tag.kind == "rainfall":
            shown = max(0.0, shown)
        return round(shown, 4)


class OrdinaryTank:
    """Level and inlet of a petrol tank, coherent: what flows in is what the level rises by."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._at_s = self._random.uniform(0, FILL_S + REST_S + EMPTY_S)
        self._rise_m = FILL_M3H / AREA_M2 * FILL_S / 3600

    def step(self, dt_s: float) -> None:
        self._at_s = (self._at_s + dt_s) % (FILL_S + 2 * REST_S + EMPTY_S)

    def flow_m3h(self) -> float:
        return round(FILL_M3H + self._random.gauss(0, 2), 1) if self._at_s < FILL_S else 0.0

    def level_m(self) -> float:
        return round(self._true_m() + self._random.gauss(0, 0.002), 3)

    def _true_m(self) -> float:
        at = self._at_s
        if at < FILL_S:
            return LOWEST_M + self._rise_m * at / FILL_S
        if at < FILL_S + REST_S:
            return LOWEST_M + self._rise_m
        if at < FILL_S + REST_S + EMPTY_S:
            return LOWEST_M + self._rise_m * (1 - (at - FILL_S - REST_S) / EMPTY_S)
        return LOWEST_M


def base_of(tag: Tag) -> tuple[float, float]:
    """Where a tag usually is, and how far the nearest limit is from there."""
    low = [tag.limits[level] for level in ("l", "ll") if level in tag.limits]
    high = [tag.limits[level] for level in ("h", "hh") if level in tag.limits]
    if tag.kind in GAS:
        nearest = min(high, default=25.0)
        return 0.02 * nearest, 0.3 * nearest
    if low and high:
        return (max(low) + min(high)) / 2, (min(high) - max(low)) / 2
    if high:
        base = 0.6 * min(high) if min(high) > 0 else min(high) - max(1.2 * (max(high) - min(high)), 0.5)
        base = {"rainfall": 0.0, "displacement": 0.06 * min(high)}.get(tag.kind, base)
        return base, min(high) - base
    if low:
        base = max(low) + max(1.5 * (max(low) - min(low)), 0.4 * abs(max(low)), 0.1)
        return base, base - max(low)
    return (180.0, 60.0) if tag.kind == "wind_direction" else (20.0, 8.0)
