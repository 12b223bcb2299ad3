"""Figures of merit to what the outside sees of them, described for OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from alerting import figures, floods, nuisances
from alerting.record import AlarmName
from dashboard_api.wire import moment

MOST_LISTED = 500  # of each list; `left_out` says how many more there are

Item = TypeVar("Item")
Met = Field(description="whether the target is met; null where there was nothing to judge")
LeftOut = Field(default=0, description=f"how many more there are than the {MOST_LISTED} that are listed")
Time = Field(description="RFC 3339 in UTC with milliseconds")


class Judged(BaseModel):
    """A figure beside its target."""

    value: float | None = Field(description="null where there was nothing to judge")
    target: float
    met: bool | None = Met


class Average(BaseModel):
    """Annunciations in a stretch of time, on average over the period."""

    value: float
    target: float
    met: bool = Field(description="at most the target")
    manageable: bool = Field(description="at most twice the target: the most that can be managed")


class Peak(BaseModel):
    """The most annunciations in a sliding 10 min."""

    count: int
    at: str = Field(description="when there were so many for the first time")


class Annunciated(BaseModel):
    """Alarms made heard: raised, raised anew after a time, or back from silence while active. A late raise counts when
    it is annunciated."""

    total: int
    per_10min: Average = Field(description="target: 1")
    per_hour: Average = Field(description="target: 6")
    per_day: Average = Field(description="target: 144")
    most_in_10min: Peak | None


class Bucket(BaseModel):
    """A stretch of the wall clock."""

    t: str = Field(description="its begin")
    count: int


class Buckets(Judged):
    """The share of stretches of the wall clock with more than `above` annunciations; target: below 1 %."""

    above: int
    over: int = Field(description="how many are above")
    of: int = Field(description="all that the period touches, also in part; empty ones too")
    list: Sequence[Bucket]
    left_out: int = LeftOut


class Flood(BaseModel):
    """From the eleventh annunciation in a sliding 10 min until fewer than five are in it."""

    start: str = Field(description="may lie before the period, at most by an hour")
    peak: Peak
    end: str | None = Field(description="null: it went on at the end of the period")


class FloodTime(Judged):
    """The share of the period in flood; target: below 1 %."""

    seconds: float
    count: int
    list: Sequence[Flood]
    left_out: int = LeftOut


class Alarm(BaseModel):
    enterprise: str
    source: str
    tag: str
    alarm: str = Field(description="HH, H, L, LL, or a rule's type")


class Frequent(Alarm):
    count: int
    share: float = Field(description="of all annunciations")


class Top(Judged):
    """The share of the ten alarms annunciated most; target: at most 5 %."""

    list: Sequence[Frequent]


class Chatterer(Alarm):
    raises: int = Field(description="how many belong to a rolling 60 s with three or more")
    most_in_60s: int
    first: str = Time
    last: str = Time


class Chattering(Judged):
    """Alarms raised three times within a rolling 60 s of event time, silenced ones too; target: none."""

    list: Sequence[Chatterer]
    left_out: int = LeftOut


class Fleeter(Alarm):
    count: int
    shortest_s: float
    last: str = Field(description="the last such return")


class Fleeting(Judged):
    """Alarms raised and returned in under 10 s of event time without an acknowledgement; target: none."""

    list: Sequence[Fleeter]
    left_out: int = LeftOut


class StaleAlarm(Alarm):
    since: str = Time
    until: str | None = Field(description="null: active and visible at the end of the period")


class Stale(Judged):
    """Alarms active and visible for more than 24 h: how many at once at the most; target: fewer than 5."""

    list: Sequence[StaleAlarm]
    left_out: int = LeftOut


class Mix(BaseModel):
    """Shares of priorities among the annunciations: low is 4, medium 3, high 2 and 1."""

    met: bool | None = Met
    low: Judged = Field(description="target: 80 %, met from 75 %")
    medium: Judged = Field(description="target: 15 %, met up to 20 %")
    high: Judged = Field(description="target: 5 %, met up to 10 %")
    by_priority: dict[int, int]


class Hours(BaseModel):
    """Annunciations in each hour of the wall clock that the period touches."""

    begin: str = Field(serialization_alias="from", description="the begin of the first hour")
    counts: Sequence[int]


class Row(BaseModel):
    """What one region with all below, enterprise or source put on its operators."""

    key: str = Field(description="the code of a region or enterprise, or enterprise/source")
    name: str
    parent: str = Field(description="the region above, the enterprise's region, or the source's enterprise")
    total: int
    per_10min: Average
    hours_over_30: Judged
    flood: Judged
    floods: int
    most_in_10min: Peak | None
    worst: Frequent | None = Field(description="the alarm annunciated most, with its share of this row")


class Metrics(BaseModel):
    """The figures of merit of ISA-18.2, IEC 62682 and EEMUA 191 for one period. Drills are kept out."""

    begin: str = Field(serialization_alias="from", description="in the period")
    to: str = Field(description="the first moment after the period; never later than now")
    annunciated: Annunciated
    hours_over_30: Buckets
    periods_over_10: Buckets = Field(description="periods of 10 min")
    flood: FloodTime
    top_ten: Top
    chattering: Chattering
    fleeting: Fleeting
    stale: Stale
    priorities: Mix
    hours: Hours
    rows: Sequence[Row] | None = Field(default=None, description="with `by`: one of each, the most annunciations first")
    rows_left_out: int = Field(default=0, description="how many more rows there are than `limit`")
    degraded: Sequence[str] = Field(
        default=(),
        description="`database`: away, only what memory holds counts. `journal`: so far behind that events are missing",
    )
    known_from: str | None = Field(default=None, description="nothing before it could be counted")


def shown(found: figures.Figures) -> Metrics:
    """Everything but rows and what was missing."""
    return Metrics(
        begin=moment(found.begin),
        to=moment(found.end),
        annunciated=Annunciated(
            total=found.total,
            per_10min=_average(found.per_10min),
            per_hour=_average(found.per_hour),
            per_day=_average(found.per_day),
            most_in_10min=_peak(found.most_in_10min),
        ),
        hours_over_30=_buckets(found.hours_over_30),
        periods_over_10=_buckets(found.periods_over_10),
        flood=_flood(found.flood),
        top_ten=Top(**_judged(found.top.judged), list=[_frequent(one) for one in found.top.those]),
        chattering=_chattering(found.chattering),
        fleeting=_fleeting(found.fleeting),
        stale=_stale(found.stale),
        priorities=_mix(found.mix),
        hours=Hours(begin=moment(found.hours[0].begin), counts=[one.count for one in found.hours]),
    )


def row(key: str, name: str, parent: str, load: figures.Load) -> Row:
    """One line of a comparison."""
    return Row(
        key=key,
        name=name,
        parent=parent,
        total=load.total,
        per_10min=_average(load.per_10min),
        hours_over_30=Judged(**_judged(load.hours_over_30)),
        flood=Judged(**_judged(load.flood)),
        floods=load.floods,
        most_in_10min=_peak(load.most_in_10min),
        worst=None if load.top is None else _frequent(load.top),
    )


def _average(one: figures.Average) -> Average:
    return Average(value=one.value, target=one.target, met=one.met, manageable=one.manageable)


def _judged(one: figures.Judged) -> dict[str, Any]:
    return {"value": one.value, "target": one.target, "met": one.met}


def _peak(one: floods.Peak | None) -> Peak | None:
    return None if one is None else Peak(count=one.count, at=moment(one.at))


def _alarm(one: AlarmName) -> dict[str, Any]:
    return one._asdict()


def _frequent(one: figures.Frequent) -> Frequent:
    return Frequent(**_alarm(one.alarm), count=one.count, share=one.share)


def _listed(those: Sequence[Item], show: Callable[[Item], BaseModel]) -> dict[str, Any]:
    return {"list": [show(one) for one in those[:MOST_LISTED]], "left_out": max(0, len(those) - MOST_LISTED)}


def _buckets(found: figures.Buckets) -> Buckets:
    def show(one: figures.Bucket) -> Bucket:
        return Bucket(t=moment(one.begin), count=one.count)

    listed = _listed(found.those, show)
    return Buckets(**_judged(found.judged), above=found.above, over=found.over, of=found.of, **listed)


def _flood(found: figures.FloodTime) -> FloodTime:
    def show(one: floods.Flood) -> Flood:
        end = None if one.end is None else moment(one.end)
        return Flood(start=moment(one.start), peak=Peak(count=one.peak.count, at=moment(one.peak.at)), end=end)

    listed = _listed(found.those, show)
    return FloodTime(**_judged(found.judged), seconds=found.seconds, count=len(found.those), **listed)


def _chattering(found: figures.Nuisance[nuisances.Chatterer]) -> Chattering:
    def show(one: nuisances.Chatterer) -> Chatterer:
        first, last = moment(one.first), moment(one.last)
        return Chatterer(**_alarm(one.alarm), raises=one.raises, most_in_60s=one.most, first=first, last=last)

    return Chattering(**_judged(found.judged), **_listed(found.those, show))


def _fleeting(found: figures.Nuisance[nuisances.Fleeter]) -> Fleeting:
    def show(one: nuisances.Fleeter) -> Fleeter:
        shortest_s = one.shortest_ms / 1000
        return Fleeter(**_alarm(one.alarm), count=one.count, shortest_s=shortest_s, last=moment(one.last))

    return Fleeting(**_judged(found.judged), **_listed(found.those, show))


def _stale(found: figures.Nuisance[nuisances.Stale]) -> Stale:
    def show(one: nuisances.Stale) -> StaleAlarm:
        until = None if one.until is None else moment(one.until)
        return StaleAlarm(**_alarm(one.alarm), since=moment(one.since), until=until)

    return Stale(**_judged(found.judged), **_listed(found.those, show))


def _mix(found: figures.Mix) -> Mix:
    levels = {level: Judged(**_judged(one)) for level, one in found.levels.items()}
    return Mix(met=found.met, by_priority=found.by_priority, **levels)
