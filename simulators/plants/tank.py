"""A tank that is filled to the brim and beyond, while its gauge stands still."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from simulators.incident import Incident

GAS_DETECTORS = 4
BEFORE = ((1.0, 0.0, 0.0), (8.0, 0.0, 500.0), (2.0, 0.0, 0.0), (6.0, 560.0, 0.0))  # hours, m3/h in, out; newest first


class Tank:
    """Tank 912 of Buncefield. Volumes in m3, levels in m, flows in m3/h."""

    def __init__(self, incident: Incident, seed: int, since: datetime | None = None) -> None:
        self._incident = incident
        self._random = random.Random(seed)
        self.now = since or incident.begins
        self.volume_m3 = self._ordinary()[0]
        self.spilled_m3 = 0.0
        self._capacity_m3 = incident.value("capacity_m3")
        self._frozen_m: float | None = None

    @property
    def spilled_t(self) -> float:
        return self.spilled_m3 * self._incident.value("density_t_m3")

    @property
    def flow_m3h(self) -> float:
        """Into the tank at this moment."""
        incident = self._incident
        if self.now < incident.begins:
            return self._ordinary()[1]
        low, high = incident.value("fill_m3h"), incident.value("flow_risen_m3h")
        begins, ends = incident.at("flow_rises"), incident.at("flow_risen_m3h")
        if self.now <= begins:
            return low
        return low + (high - low) * min(1.0, (self.now - begins) / (ends - begins))

    @property
    def drawn_m3h(self) -> float:
        """Out of the tank at this moment: nothing once the accident began."""
        return self._ordinary()[2]

    @property
    def level_m(self) -> float:
        """As it truly is."""
        return self.volume_m3 / self._capacity_m3 * self._incident.value("height_m")

    def step(self, dt_s: float) -> None:
        before = self.flow_m3h
        self.now += timedelta(seconds=dt_s)
        if self.now <= self._incident.begins:
            self.volume_m3 = self._ordinary()[0]
            return
        self.volume_m3 += (before + self.flow_m3h) / 2 * dt_s / 3600
        over = max(0.0, self.volume_m3 - self._capacity_m3)
        self.volume_m3 -= over
        self.spilled_m3 += over
        if self._frozen_m is None and self.now >= self._incident.at("gauge_freezes"):
            self._frozen_m = self._measured_m()

    def values(self) -> dict[str, float | None]:
        incident = self._incident
        found: dict[str, float | None] = {
            "LT": self._gauge_m(),
            "LTB": incident.value("independent_level_m"),
            "FI": self._flow(self.flow_m3h),
            "FO": self._flow(self.drawn_m3h),
            "TT": round(
                incident.value("temperature_c") + self._random.gauss(0, incident.value("temperature_noise_c")), 2
            ),
        }
        for number in range(GAS_DETECTORS):
            found[f"GD{number + 1}"] = self._gas(number)
        return found

    def _ordinary(self) -> tuple[float, float, float]:
        """What is in the tank, and flows in and out, as ordinary use leads to the heel."""
        hours = (self._incident.begins - self.now) / timedelta(hours=1)
        volume = self._incident.value("heel_m3")
        for lasted, flow_in, flow_out in BEFORE:
            if hours <= 0:
                break
            volume += (flow_out - flow_in) * min(hours, lasted)
            if hours <= lasted:
                return volume, flow_in, flow_out
            hours -= lasted
        return volume, 0.0, 0.0

    def _flow(self, truth: float) -> float:
        """What a meter shows: nothing where nothing flows."""
        return round(truth + self._random.gauss(0, self._incident.value("flow_noise_m3h")), 1) if truth else 0.0

    def _gauge_m(self) -> float:
        """What the gauge shows: the level, until it froze."""
        return self._measured_m() if self._frozen_m is None else self._frozen_m

    def _measured_m(self) -> float:
        return round(self.level_m + self._random.gauss(0, self._incident.value("level_noise_m")), 3)

    def _gas(self, number: int) -> float:
        """%LEL at one of the detectors around the bund."""
        late = timedelta(seconds=number * self._incident.value("gas_spread_s"))
        begins, ends = self._incident.at("gas_begins") + late, self._incident.at("gas_full") + late
        share = min(1.0, max(0.0, (self.now - begins) / (ends - begins)))
        return round(
            max(0.0, self._random.gauss(0, self._incident.value("gas_noise_lel")))
            + share * self._incident.value("gas_full"),
            1,
        )
