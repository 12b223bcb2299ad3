"""A site's tags to the values of ordinary days: plants that hold together, else base, drift, time of day and noise."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import groupby

from simulators.plants import ORDINARY, OrdinaryPlant
from simulators.plants.weather import Sky, Wander
from simulators.tags import Tag

GAS = ("gas_combustible", "gas_toxic")
DRIFT_S = 1_800.0  # time constant of the slow drift
DRIFT_SHARE, NOISE_SHARE, DAY_SHARE = 0.07, 0.008, 0.04  # of the distance to the nearest limit
LEVEL_NOISE_M = 0.002
EXCURSION_S, RAMP_S = (
    45.0,
    30.0,
)  # how long a value stays beyond its limit, on top of the delay; how slowly it goes there
BEYOND_SHARE = 0.04
CALM_KINDS = ("temperature", "pressure")  # whose excursions are harmless
LOCAL_S = 8 * 3600.0  # the demo's works lie at UTC+8


class Source:
    """The tags of one hazard source and the plant behind them."""

    def __init__(self, tags: list[Tag], sky: Sky, seed: int) -> None:
        first = tags[0]
        made = ORDINARY.get(first.template)
        chance = random.Random(f"{seed} {first.enterprise} {first.source}")
        self._plant: OrdinaryPlant | None = made(sky, chance) if made else None
        self._truths = self._plant.truths() if self._plant else {}
        self.instruments = [Instrument(tag, sky, seed, known=tag.last in self._truths) for tag in tags]

    def step(self, dt_s: float) -> None:
        if self._plant:
            self._plant.step(dt_s)
            self._truths = self._plant.truths()
        for instrument in self.instruments:
            instrument.step(dt_s)

    def show(self, instrument: Instrument) -> float:
        """What it shows now."""
        return instrument.value(self._truths.get(instrument.tag.last))


class Instrument:
    """One tag: what it shows of a truth, or, where no plant knows one, of a base that drifts."""

    def __init__(self, tag: Tag, sky: Sky, seed: int, *, known: bool) -> None:
        self.tag = tag
        self._sky = sky
        self._random = random.Random(f"{seed} {tag.enterprise} {tag.tag}")
        self._base, self._room = base_of(tag)
        self._drift = Wander(0.0 if known else self._room * DRIFT_SHARE, DRIFT_S, self._random)
        self._noise = LEVEL_NOISE_M if (tag.kind, tag.unit) == ("level", "m") else self._room * NOISE_SHARE
        self._excursion_s, self._excursion_left_s = 1.0, 0.0

    def step(self, dt_s: float) -> None:
        self._drift.step(dt_s)
        self._excursion_left_s = max(0.0, self._excursion_left_s - dt_s)

    def excursion(self) -> None:
        """Slowly beyond the high limit, there for long enough to ring, and back."""
        self._excursion_s = self._excursion_left_s = self.tag.on_delay_s + EXCURSION_S + 2 * RAMP_S

    def value(self, truth: float | None = None) -> float:
        """With the truth as the plant knows it, or without."""
        if self.tag.kind == "discrete":
            return truth or 0.0
        day = self._room * DAY_SHARE * self._sky.swing if self.tag.kind == "temperature" else 0.0
        shown = truth if truth is not None else self._base + day + self._drift.value
        shown += self._random.gauss(0, self._noise) if shown or truth is None else 0.0
        if self._excursion_left_s and "h" in self.tag.limits:
            beyond = self.tag.limits["h"] + self._room * BEYOND_SHARE
            passed_s = self._excursion_s - self._excursion_left_s
            shown += (beyond - shown) * min(1.0, passed_s / RAMP_S, self._excursion_left_s / RAMP_S)
        if self.tag.kind in GAS or self.tag.kind in ("rainfall", "wind_speed"):
            shown = max(0.0, shown)
        return round(shown % 360 if self.tag.kind == "wind_direction" else shown, 4)


class Works:
    """Every source of a site and the weather over each enterprise."""

    def __init__(self, tags: Iterable[Tag], seed: int, at_s: float = 0.0) -> None:
        """`at_s`: the time of day in UTC at which the days begin."""
        self._skies: dict[str, Sky] = {}
        self.sources: list[Source] = []
        ordered = sorted(tags, key=lambda tag: (tag.enterprise, tag.source))
        for (enterprise, _), own in groupby(ordered, key=lambda tag: (tag.enterprise, tag.source)):
            if enterprise not in self._skies:
                self._skies[enterprise] = Sky(random.Random(f"{seed} {enterprise} sky"), at_s + LOCAL_S)
            self.sources.append(Source(list(own), self._skies[enterprise], seed))

    def step(self, dt_s: float) -> None:
        for sky in self._skies.values():
            sky.step(dt_s)
        for source in self.sources:
            source.step(dt_s)

    def due(self, second: int) -> Iterator[tuple[Tag, float]]:
        """What is to be sent in this second: every tag once a period, the tags spread over it."""
        place = 0
        for source in self.sources:
            for instrument in source.instruments:
                if (second + place) % max(1, round(instrument.tag.period_s)) == 0:
                    yield instrument.tag, source.show(instrument)
                place += 1

    def restless(self) -> list[Instrument]:
        """Those that may have a harmless excursion."""
        instruments = [instrument for source in self.sources for instrument in source.instruments]
        return [one for one in instruments if "h" in one.tag.limits and one.tag.kind in CALM_KINDS]


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
        base = {"rainfall": 0.0, "displacement": 0.06 * min(high), "wind_speed": 0.25 * min(high)}.get(tag.kind, base)
        return base, min(high) - base
    if low:
        base = max(low) + max(1.5 * (max(low) - min(low)), 0.4 * abs(max(low)), 0.1)
        return base, base - max(low)
    if tag.range is not None:
        return tag.range[0] + 0.4 * (tag.range[1] - tag.range[0]), 0.3 * (tag.range[1] - tag.range[0])
    return 20.0, 8.0
