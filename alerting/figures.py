"""A record of alarm events and a period to the figures of merit: how well this alarm system treats its operators.

Figures and targets are those of ANSI/ISA-18.2 and IEC 62682, chapter 16 of both (monitoring and assessment); average
and flood also of EEMUA 191. Figures of an operator's load are taken at the time at which he could hear of an alarm, so
a late raise counts when it is annunciated; chattering and fleeting are of the plant and taken in event time. What
counts as an event is in `record.counts`: drills, signals and excursions while offline are kept out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from alerting import floods, nuisances
from alerting.floods import Flood, Peak
from alerting.nuisances import Chatterer, Fleeter, Stale
from alerting.record import AlarmName, Ints, Record

Kind = TypeVar("Kind")

TEN_MIN_MS, HOUR_MS, DAY_MS = 600_000, 3_600_000, 86_400_000
LOOK_BACK_MS = HOUR_MS  # what a record should hold before its period, so that a flood or a chattering is seen whole

# Targets: ISA-18.2, chapter 16; per operator position
AVERAGE_PER_10MIN = 1.0
MANAGEABLE = 2.0  # times the target
MANY_IN_HOUR, MANY_IN_10MIN = 30, 10
BELOW_SHARE = 0.01  # of hours, of 10-min periods, of time in flood
TOP, TOP_SHARE = 10, 0.05
STALE_BELOW = 5
MIX = {"high": 0.05, "medium": 0.15, "low": 0.80}
MIX_SLACK = 0.05  # "about"
LEVELS = {1: "high", 2: "high", 3: "medium", 4: "low"}  # our priorities; 1 is the "highest" that some systems add


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure beside its target; `met` None where there was nothing to judge."""

    value: float | None
    target: float
    met: bool | None


@dataclass(frozen=True, slots=True)
class Average:
    """Annunciations in a stretch of time, on average over the period; `manageable`: at most twice the target."""

    value: float
    target: float
    met: bool
    manageable: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of the wall clock that begins at `begin` (Unix ms), and what was annunciated in it."""

    begin: int
    count: int


@dataclass(frozen=True, slots=True)
class Buckets:
    """The share of the stretches that the period touches, empty ones too, with more than `above` annunciations."""

    judged: Judged
    above: int
    over: int
    of: int
    those: tuple[Bucket, ...]  # those above, in order


@dataclass(frozen=True, slots=True)
class FloodTime:
    """The share of the period in flood, and the floods that touch it, in order."""

    judged: Judged
    seconds: float
    those: tuple[Flood, ...]


@dataclass(frozen=True, slots=True)
class Frequent:
    """One of the ten alarms annunciated most; `share` of all annunciations."""

    alarm: AlarmName
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Top:
    """The share of the ten alarms annunciated most among all annunciations."""

    judged: Judged
    those: tuple[Frequent, ...]


@dataclass(frozen=True, slots=True)
class Nuisance(Generic[Kind]):
    """Alarms that do what few or none should: how many, and which."""

    judged: Judged
    those: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """Annunciations by priority; shares of low (4), medium (3), high (2 and 1) among those with a priority."""

    by_priority: dict[int, int]
    levels: dict[str, Judged]
    met: bool | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of merit of one period, `begin` (Unix ms) until before `end`."""

    begin: int
    end: int
    total: int
    per_10min: Average
    per_hour: Average
    per_day: Average
    hours: tuple[Bucket, ...]  # every hour that the period touches
    hours_over_30: Buckets
    periods_over_10: Buckets
    most_in_10min: Peak | None
    flood: FloodTime
    top: Top
    chattering: Nuisance[Chatterer]
    fleeting: Nuisance[Fleeter]
    stale: Nuisance[Stale]
    mix: Mix


@dataclass(frozen=True, slots=True)
class Load:
    """What one part of a site put on its operators in a period; `top` None where nothing was annunciated."""

    total: int
    per_10min: Average
    hours_over_30: Judged
    flood: Judged
    floods: int
    most_in_10min: Peak | None
    top: Frequent | None


def of_period(record: Record, begin: int, end: int) -> Figures:
    """Every figure; `record` should reach back to `begin - LOOK_BACK_MS`, and hold the events of what stood then."""
    rung = _Rung(record, begin, end, np.flatnonzero(record.annunciated))
    return Figures(
        begin=begin,
        end=end,
        total=rung.total,
        per_10min=rung.average(TEN_MIN_MS),
        per_hour=rung.average(HOUR_MS),
        per_day=rung.average(DAY_MS),
        hours=tuple(rung.buckets(HOUR_MS)),
        hours_over_30=rung.over(HOUR_MS, MANY_IN_HOUR),
        periods_over_10=rung.over(TEN_MIN_MS, MANY_IN_10MIN),
        most_in_10min=rung.peak(),
        flood=rung.flood(),
        top=_top(record, rung),
        chattering=_none(nuisances.chattering(record, begin, end)),
        fleeting=_none(nuisances.fleeting(record, begin, end)),
        stale=_stale(record, begin, end),
        mix=_mix(record, rung),
    )


def of_parts(record: Record, begin: int, end: int, parts: Mapping[str, Collection[tuple[str, str]]]) -> dict[str, Load]:
    """The load of each part of a site; a part is a collection of (enterprise, source), and parts may overlap."""
    rows = np.flatnonzero(record.annunciated)
    sources = list(dict.fromkeys(name[:2] for name in record.alarms))
    number = {source: place for place, source in enumerate(sources)}
    source_of = np.array([number[name[:2]] for name in record.alarms], np.int64)
    source = source_of[record.alarm[rows]]
    order = np.argsort(source, kind="stable")
    bounds = np.searchsorted(source[order], np.arange(len(sources) + 1))
    of_source = {
        name: rows[order[bounds[place] : bounds[place + 1]]] for name, place in number.items()
    }  # fmt: skip
    nothing = np.empty(0, np.int64)
    return {
        key: _load(record, begin, end, np.concatenate([nothing, *(of_source[one] for one in part if one in of_source)]))
        for key, part in parts.items()
    }


class _Rung:
    """The annunciations among some rows of a record, in order of the time at which they were heard."""

    def __init__(self, record: Record, begin: int, end: int, rows: Ints) -> None:
        rows = rows[np.argsort(record.heard[rows], kind="stable")]
        rows = rows[: np.searchsorted(record.heard[rows], end)]
        self.begin, self.end = begin, end
        self.with_before = record.heard[rows]
        first = int(np.searchsorted(self.with_before, begin))
        self.rows, self.heard = rows[first:], self.with_before[first:]
        self.counts = floods.in_window(self.with_before)
        self.first = first

    @property
    def total(self) -> int:
        return len(self.rows)

    def average(self, stretch_ms: int) -> Average:
        """Annunciations per stretch: at most 1 in 10 min, 6 an hour, 144 a day."""
        value = self.total * stretch_ms / (self.end - self.begin)
        target = AVERAGE_PER_10MIN * stretch_ms / TEN_MIN_MS
        return Average(value, target, value <= target, value <= MANAGEABLE * target)

    def buckets(self, stretch_ms: int) -> Iterator[Bucket]:
        counts = self._bucket_counts(stretch_ms)
        first = self.begin // stretch_ms
        return (Bucket((first + place) * stretch_ms, int(count)) for place, count in enumerate(counts))

    def over(self, stretch_ms: int, above: int) -> Buckets:
        """The share of stretches of the wall clock with more than so many: below 1 %."""
        counts = self._bucket_counts(stretch_ms)
        first = self.begin // stretch_ms
        over = np.flatnonzero(counts > above)
        share = len(over) / len(counts)
        shown = tuple(Bucket(int(first + place) * stretch_ms, int(counts[place])) for place in over)
        return Buckets(Judged(share, BELOW_SHARE, share < BELOW_SHARE), above, len(over), len(counts), shown)

    def peak(self) -> Peak | None:
        return floods.peak(self.heard, self.counts[self.first :]) if self.total else None

    def flood(self) -> FloodTime:
        """The share of the period in flood: below 1 %."""
        found = [
            one
            for one in floods.floods(self.with_before, self.counts, self.end)
            if one.end is None or one.end > self.begin
        ]
        lasted = sum((self.end if one.end is None else one.end) - max(one.start, self.begin) for one in found)
        share = lasted / (self.end - self.begin)
        return FloodTime(Judged(share, BELOW_SHARE, share < BELOW_SHARE), lasted / 1000, tuple(found))

    def _bucket_counts(self, stretch_ms: int) -> Ints:
        first, last = self.begin // stretch_ms, (self.end - 1) // stretch_ms
        return np.bincount(self.heard // stretch_ms - first, minlength=last - first + 1)


def _load(record: Record, begin: int, end: int, rows: Ints) -> Load:
    rung = _Rung(record, begin, end, rows)
    flood = rung.flood()
    most = _frequent(record, rung, 1)
    return Load(
        rung.total,
        rung.average(TEN_MIN_MS),
        rung.over(HOUR_MS, MANY_IN_HOUR).judged,
        flood.judged,
        len(flood.those),
        rung.peak(),
        most[0] if most else None,
    )


def _none(found: Sequence[Kind]) -> Nuisance[Kind]:
    """The number of alarms that chatter or fleet; target: none."""
    return Nuisance(Judged(len(found), 0, not found), tuple(found))


def _stale(record: Record, begin: int, end: int) -> Nuisance[Stale]:
    """How many alarms were stale at once at the most: fewer than 5."""
    found = nuisances.stale(record, begin, end)
    most = nuisances.most_stale_at_once(found, begin, end)
    return Nuisance(Judged(most, STALE_BELOW, most < STALE_BELOW), tuple(found))


def _top(record: Record, rung: _Rung) -> Top:
    """The ten alarms annunciated most: at most 5 % of the load."""
    found = _frequent(record, rung, TOP)
    share = sum(one.count for one in found) / rung.total if rung.total else None
    return Top(Judged(share, TOP_SHARE, None if share is None else share <= TOP_SHARE), found)


def _frequent(record: Record, rung: _Rung, most: int) -> tuple[Frequent, ...]:
    places, counts = np.unique(record.alarm[rung.rows], return_counts=True)
    by_count = sorted(
        zip(counts.tolist(), places.tolist(), strict=True), key=lambda one: (-one[0], record.alarms[one[1]])
    )
    return tuple(Frequent(record.alarms[place], count, count / rung.total) for count, place in by_count[:most])


def _mix(record: Record, rung: _Rung) -> Mix:
    """About 80/15/5 low/medium/high: medium and high at most 5 points above, low at most 5 below."""
    counted = np.bincount(record.priority[rung.rows], minlength=max(LEVELS) + 1)
    by_priority = {priority: int(counted[priority]) for priority in LEVELS}
    known = sum(by_priority.values())
    levels: dict[str, Judged] = {}
    for level, target in MIX.items():
        share = sum(n for priority, n in by_priority.items() if LEVELS[priority] == level) / known if known else None
        slack = 1e-12 + MIX_SLACK
        far = None if share is None else (target - share if level == "low" else share - target)
        levels[level] = Judged(share, target, None if far is None else far <= slack)
    return Mix(by_priority, levels, all(one.met for one in levels.values()) if known else None)
