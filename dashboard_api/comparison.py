"""A backtest and what it found to what the outside sees of them, described for OpenAPI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from alerting import backtest
from alerting.backtest import MOST_LISTED, Name
from dashboard_api.backtests import Backtest, State
from dashboard_api.wire import moment

Finite = Annotated[float, Field(allow_inf_nan=False)]
Listed = f"in order of time, at most {MOST_LISTED:,}"


class Change(BaseModel, extra="allow"):
    """Other columns of one tag, as `PATCH /tags/{enterprise}/{tag}` takes them: `{"tag": "T01", "h": 90}`; null empties
    a cell. A `reason` is passed over."""

    __pydantic_extra__: dict[str, Finite | bool | str | None] = Field(init=False)
    enterprise: str = Field("", description="where it is not that of all changes", max_length=64)
    tag: str = Field(description="the tag's code", max_length=64)

    def cells(self) -> dict[str, Any]:
        """By column, what is to be tried."""
        return {name: value for name, value in self.__pydantic_extra__.items() if name != "reason"}


class Begun(BaseModel):
    """A backtest that was taken on."""

    id: str
    state: State


class Progress(BaseModel):
    """A backtest, without its result."""

    id: str
    state: State
    enterprises: list[str] = Field(description="whose readings it reads")
    by: str = Field(description="who asked for it")
    asked_at: str
    begin: str = Field(serialization_alias="from", description="in the period")
    to: str = Field(description="the first moment after the period")
    changes: list[dict[str, Any]] = Field(description="as they were asked for")
    done: float = Field(description="0 to 1")
    readings: int = Field(description="read by now")
    about: int | None = Field(description="readings in all, as far as can be told by now; null before the first answer")
    remaining_s: float | None = Field(description="null where nothing can be told yet")
    error: str | None = Field(description="why it failed")


class Occurrence(BaseModel):
    """An alarm that was raised."""

    enterprise: str
    tag: str
    alarm: str = Field(description="HH, H, L, LL or a rule's type")
    raised_at: str
    returned_at: str | None = Field(description="null: it stands at the end of the period")
    priority: int | None
    value: float | None
    limit: float | None
    annunciated: bool = Field(description="false: subsumed by HH or LL at the same moment")


class Both(BaseModel):
    """An occurrence with the old settings and the first with the new ones that overlaps it."""

    before: Occurrence
    after: Occurrence
    later_s: float = Field(description="by how much it is raised later with the new settings; negative: earlier")


class Load(BaseModel):
    """What an operator would have been given by these alarms alone."""

    raised: int
    annunciated: int
    per_day: float = Field(description="annunciations a day, on average over the period")
    floods: int = Field(description="as `/alarm-metrics` counts them")
    flood_s: float = Field(description="time in flood")
    flood_share: float = Field(description="of the period, 0 to 1")


class Day(BaseModel):
    """Annunciations of one day."""

    day: str = Field(description="UTC")
    before: int
    after: int


class OfTag(BaseModel):
    """One alarm in both runs."""

    enterprise: str
    tag: str
    alarm: str
    before: int = Field(description="raised so often with the old settings")
    after: int = Field(description="with the new ones")
    only_before: int = Field(description="rang and would not have")
    only_after: int = Field(description="did not ring and would have")
    first_before: str | None = Field(description="raised for the first time; null: never")
    first_after: str | None
    first_later_s: float | None = Field(description="the first raise comes so much later; negative: earlier")


class Result(BaseModel):
    """Two runs over the same readings: `before` with the settings in force, `after` with the changed ones.

    An occurrence is in one run only where no occurrence of the same alarm in the other overlaps it. Both runs begin
    with nothing standing, and nobody acknowledges, shelves or suppresses anything.
    """

    readings: int
    before: Load
    after: Load
    both_count: int = Field(description="occurrences of `before` that ring with the new settings too")
    only_before_count: int
    only_after_count: int
    both: list[Both] = Field(description=Listed)
    only_before: list[Occurrence] = Field(description=f"rang and would not have, {Listed}")
    only_after: list[Occurrence] = Field(description=f"did not ring and would have, {Listed}")
    days: list[Day]
    tags: list[OfTag]
    cut: bool = Field(
        description="so many were raised that only the first could be compared: the counts of `both`, `only_before`, "
        "`only_after` and `tags` are too small"
    )


class Whole(Progress):
    """A backtest with its result."""

    result: Result | None = Field(description="once it is done")


class Page(BaseModel):
    """Backtests, the newest first."""

    items: Sequence[Progress]
    next: str | None = Field(description="the cursor of the next page")


def progress(one: Backtest) -> Progress:
    return Progress(**_progress(one))


def whole(one: Backtest) -> Whole:
    return Whole(**_progress(one), result=None if one.result is None else result(one.result))


def result(found: backtest.Comparison) -> Result:
    """A comparison with its times as the outside has them."""
    return Result(
        readings=found.readings,
        before=_load(found.before),
        after=_load(found.after),
        both_count=found.both_count,
        only_before_count=found.only_before_count,
        only_after_count=found.only_after_count,
        both=[_both(one) for one in found.both],
        only_before=[_occurrence(one) for one in found.only_before],
        only_after=[_occurrence(one) for one in found.only_after],
        days=[Day(day=one.day, before=one.before, after=one.after) for one in found.days],
        tags=[_of_tag(one) for one in found.tags],
        cut=found.cut,
    )


def _progress(one: Backtest) -> dict[str, Any]:
    return {
        "id": one.id, "state": one.state, "enterprises": sorted(one.enterprises), "by": one.by,
        "asked_at": moment(one.asked_at), "begin": moment(one.job.begin), "to": moment(one.job.end),
        "changes": one.changes, "done": round(one.done, 4), "readings": one.readings, "about": one.about,
        "remaining_s": None if one.remaining_s is None else round(one.remaining_s, 1), "error": one.error,
    }  # fmt: skip


def _load(one: backtest.Load) -> Load:
    return Load(
        raised=one.raised, annunciated=one.annunciated, per_day=one.per_day,
        floods=one.floods, flood_s=one.flood_s, flood_share=one.flood_share,
    )  # fmt: skip


def _named(name: Name) -> dict[str, str]:
    return dict(zip(("enterprise", "tag", "alarm"), name, strict=True))


def _occurrence(one: backtest.Span) -> Occurrence:
    return Occurrence(
        **_named((one.enterprise, one.tag, one.alarm)),
        raised_at=moment(one.raised_at), returned_at=_moment(one.returned_at), priority=one.priority,
        value=one.value, limit=one.limit, annunciated=one.annunciated,
    )  # fmt: skip


def _both(one: backtest.Both) -> Both:
    later_s = (one.after.raised_at - one.before.raised_at) / 1000
    return Both(before=_occurrence(one.before), after=_occurrence(one.after), later_s=later_s)


def _of_tag(one: backtest.OfTag) -> OfTag:
    later_s = None
    if one.first_before is not None and one.first_after is not None:
        later_s = (one.first_after - one.first_before) / 1000
    return OfTag(
        **_named((one.enterprise, one.tag, one.alarm)),
        before=one.before, after=one.after, only_before=one.only_before, only_after=one.only_after,
        first_before=_moment(one.first_before), first_after=_moment(one.first_after), first_later_s=later_s,
    )  # fmt: skip


def _moment(t: int | None) -> str | None:
    return None if t is None else moment(t)
