"""Two plans and the same stored readings to what would have rung: settings tried on history before they are set."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from alerting import floods
from alerting.engine import Engine
from alerting.events import Ev, Event
from alerting.replay import as_batch
from ingest.stored import Readings
from line.messages import Tick
from registry.alarms import Plan

MOST_LISTED = 1_000  # occurrences in each list of a result; their numbers are whole
MOST_KEPT = 500_000  # occurrences of one run that are kept to be compared: about 150 MB
DAY_MS = 86_400_000

Name = tuple[str, str, str]  # enterprise, tag, alarm


class Span(msgspec.Struct):
    """One occurrence of a run: raised and returned at Unix milliseconds, None while it stands at the end."""

    enterprise: str
    tag: str
    alarm: str
    raised_at: int
    returned_at: int | None = None
    priority: int | None = None
    value: float | None = None
    limit: float | None = None
    annunciated: bool = False


class Both(msgspec.Struct, frozen=True):
    """An occurrence of `before` and the first one of `after` that touches it."""

    before: Span
    after: Span


class Load(msgspec.Struct, frozen=True):
    """What an operator would have had of one run, of these alarms alone; floods as the figures of merit count them."""

    raised: int
    annunciated: int
    per_day: float  # annunciated
    floods: int
    flood_s: float
    flood_share: float


class Day(msgspec.Struct, frozen=True):
    """Annunciations of one day (UTC)."""

    day: str
    before: int
    after: int


class OfTag(msgspec.Struct, frozen=True):
    """How often one alarm was raised in each run, how often in one of them only, and when for the first time."""

    enterprise: str
    tag: str
    alarm: str
    before: int
    after: int
    only_before: int
    only_after: int
    first_before: int | None
    first_after: int | None


class Comparison(msgspec.Struct, frozen=True):
    """`before` ran with the settings in force, `after` with the changed ones.

    An occurrence is in one run only where no occurrence of the same alarm in the other touches it. Of the lists, the
    first MOST_LISTED are kept; `cut` says that a run raised more than could be kept for comparing, so that the counts
    of what is in one or both are of those that were.
    """

    begin: int
    end: int
    readings: int
    before: Load
    after: Load
    both_count: int  # of `before`
    only_before_count: int
    only_after_count: int
    both: list[Both]
    only_before: list[Span]
    only_after: list[Span]
    days: list[Day]
    tags: list[OfTag]
    cut: bool = False


class Run:
    """One plan over the readings, and what came of it."""

    def __init__(self, plan: Plan) -> None:
        self._engine = Engine(plan)
        self._open: dict[Name, Span] = {}
        self.spans: list[Span] = []
        self.heard = array("q")  # a limit in the noise may annunciate millions of times
        self.raised = 0

    def take(self, readings: Readings) -> None:
        """The next readings, in order of time."""
        self._listen(self._engine.apply(as_batch(readings), int(readings.t_ms[-1])))

    def finish(self, end: int) -> None:
        """Timers that fall due before the end of the period fire."""
        self._listen(self._engine.apply(Tick(end), end))

    def load(self, begin: int, end: int) -> Load:
        heard = np.sort(np.frombuffer(self.heard, np.int64)) if self.heard else np.zeros(0, np.int64)
        found = floods.floods(heard, floods.in_window(heard), end) if len(heard) else []
        in_flood = sum((end if flood.end is None else min(flood.end, end)) - flood.start for flood in found) / 1000
        days = max((end - begin) / DAY_MS, 1e-9)
        share = in_flood * 1000 / max(end - begin, 1)
        return Load(self.raised, len(heard), len(heard) / days, len(found), in_flood, share)

    def _listen(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.ann:
                self.heard.append(event.t)
            if event.alarm == "POINT":
                continue
            key = (event.enterprise, event.tag, event.alarm)
            if event.ev is Ev.ACTIVE:
                self.raised += 1
                span = self._open[key] = Span(
                    *key, event.t, None, event.priority, event.value, event.limit, bool(event.ann)
                )
                if len(self.spans) < MOST_KEPT:
                    self.spans.append(span)
            elif event.ev is Ev.RTN and key in self._open:
                self._open.pop(key).returned_at = event.t


class Backtest:
    """Both runs over the same readings, through the engine that the platform runs."""

    def __init__(self, before: Plan, after: Plan) -> None:
        self.before, self.after = Run(before), Run(after)
        self.readings = 0

    def take(self, readings: Readings) -> None:
        """The next readings, in order of time."""
        if not len(readings):
            return
        self.readings += len(readings)
        self.before.take(readings)
        self.after.take(readings)

    def result(self, begin: int, end: int) -> Comparison:
        """What it comes to; the period in Unix milliseconds."""
        for run in (self.before, self.after):
            run.finish(end)
        pairs = touched(self.before.spans, self.after.spans)
        both = [Both(span, other) for span, other in pairs if other is not None]
        only_before = [span for span, other in pairs if other is None]
        only_after = [span for span, other in touched(self.after.spans, self.before.spans) if other is None]
        return Comparison(
            begin, end, self.readings, self.before.load(begin, end), self.after.load(begin, end),
            both_count=len(both), only_before_count=len(only_before), only_after_count=len(only_after),
            both=both[:MOST_LISTED], only_before=only_before[:MOST_LISTED], only_after=only_after[:MOST_LISTED],
            days=_days(self.before.heard, self.after.heard, begin, end),
            tags=_tags(self.before.spans, self.after.spans, only_before, only_after),
            cut=max(self.before.raised, self.after.raised) > MOST_KEPT,
        )  # fmt: skip


def touched(spans: Sequence[Span], others: Sequence[Span]) -> list[tuple[Span, Span | None]]:
    """Each of these occurrences, in order of its raise, with the first other of the same alarm that overlaps it.

    Occurrences of one alarm in one run never overlap.
    """
    by_alarm: dict[Name, list[Span]] = {}
    for other in sorted(others, key=_raised):
        by_alarm.setdefault(_name(other), []).append(other)
    place: Counter[Name] = Counter()
    found: list[tuple[Span, Span | None]] = []
    for span in sorted(spans, key=_raised):
        name = _name(span)
        theirs = by_alarm.get(name, [])
        while place[name] < len(theirs) and _ended(theirs[place[name]]) < span.raised_at:
            place[name] += 1
        touches = place[name] < len(theirs) and theirs[place[name]].raised_at <= _ended(span)
        found.append((span, theirs[place[name]] if touches else None))
    return found


def _raised(span: Span) -> int:
    return span.raised_at


def _name(span: Span) -> Name:
    return span.enterprise, span.tag, span.alarm


def _ended(span: Span) -> float:
    return float("inf") if span.returned_at is None else span.returned_at


def _days(before: Iterable[int], after: Iterable[int], begin: int, end: int) -> list[Day]:
    counts = [Counter(t // DAY_MS for t in heard) for heard in (before, after)]
    return [
        Day(datetime.fromtimestamp(day * DAY_MS // 1000, UTC).date().isoformat(), counts[0][day], counts[1][day])
        for day in range(begin // DAY_MS, -(-end // DAY_MS))
    ]


def _tags(before: list[Span], after: list[Span], only_before: list[Span], only_after: list[Span]) -> list[OfTag]:
    """Spans stand in order of the events that raised them, which for one alarm is the order of time."""
    counts = [Counter(map(_name, spans)) for spans in (before, after, only_before, only_after)]
    firsts = [{_name(span): span.raised_at for span in reversed(spans)} for spans in (before, after)]
    names = sorted({name for count in counts for name in count})
    return [OfTag(*name, *(count[name] for count in counts), *(first.get(name) for first in firsts)) for name in names]
