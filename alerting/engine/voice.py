"""What happens to points and alarms to the events that say so, for one input."""

from __future__ import annotations

from hashlib import blake2b
from math import nan
from typing import NamedTuple

import msgspec

from alerting.engine.points import BAD, BEFORE, NONE, Alarm, Point, Standing
from alerting.events import Ev, Event, State
from line.messages import Command


class Counters(msgspec.Struct):
    """What the engine did since it was made: readings, and what became of those that moved nothing."""

    samples: int = 0  # readings looked at
    duplicates: int = 0  # identical to the last applied one
    late: int = 0  # older than the last applied one
    future: int = 0  # quarantined (max_future_ms)
    repeats: int = 0  # whole messages dropped by their hash
    unknown: int = 0  # readings of points that the plan does not hold
    impossible: int = 0  # readings with a time or a place in their message that cannot be
    commands: int = 0
    rejected: int = 0  # commands refused
    events: int = 0
    rules_idle: int = 0  # rules of the plan that this release has no detector for


class Tap(NamedTuple):
    """What a detector learns of one of its inputs: an applied sample, or its loss (value NaN)."""

    slot: int
    t: int
    value: float
    quality: int
    at: int
    late: bool


class Voice:
    """Collects the events of one input. `clock` is the engine's then: the arrival of a sample, the now of a tick."""

    __slots__ = ("clock", "command", "counters", "events", "past", "per_sample_late", "taps")

    def __init__(self, counters: Counters, *, per_sample_late: bool) -> None:
        self.events: list[Event] = []
        self.taps: list[Tap] = []
        self.past: list[tuple[int, float, int]] = []  # time, value and quality of what came too late
        self.clock = 0
        self.command: Command | None = None
        self.counters = counters
        self.per_sample_late = per_sample_late

    def point(self, p: Point, ev: Ev, t: int, *, v: float | None = None, late: bool = False) -> None:
        """An event about the signal."""
        self.events.append(
            Event(
                t=t,
                alarm="POINT",
                ev=ev,
                enterprise=p.place.enterprise,
                source=p.place.source,
                tag=p.tag,
                q=p.status,
                v=v,
                unit=_unit(p),
                received_at=_arrival(p),
                late=late,
                exercise=p.place.exercise,
            )
        )

    def alarm(
        self,
        p: Point,
        a: Alarm,
        ev: Ev,
        t: int,
        *,
        since: int | None = None,
        ann: bool | None = None,
        late: bool = False,
        cascade: bool = False,
        reason: str | None = None,
        why: str | None = None,
        until: int | None = None,
        permit: str | None = None,
        occ: int | None = None,
    ) -> None:
        """An event of an alarm with the state it leaves; keeps it as the standing alarm's last."""
        state = a.state
        standing = a.standing
        known = occurrence_id(p, a) if standing is None else standing.alarm_id
        cmd = self.command
        event = Event(
            t=t,
            alarm=a.name,
            ev=ev,
            enterprise=p.place.enterprise,
            source=p.place.source,
            tag=p.tag,
            alarm_id=known,
            priority=a.settings.priority,
            state=state,
            since=since if since is not None or standing is None else standing.since,
            occ=a.occ if occ is None else occ,
            ann=ann,
            q=p.status,
            value=_value(p),
            limit=_limit(p, a),
            unit=_unit(p),
            received_at=_arrival(p),
            late=late,
            exercise=p.place.exercise,
            cascade=cascade,
            reason=reason,
            why=why,
            until=until,
            permit=permit,
            cmd=None if cmd is None else cmd.cmd,
            command=None if cmd is None else cmd.id or None,
            user=None if cmd is None else cmd.user or None,
            at=None if cmd is None else cmd.at_ms,
            comment=None if cmd is None else cmd.comment,
        )
        self.events.append(event)
        if state is State.NORM:
            a.standing = None
        elif ev is not Ev.REJECT and ev is not Ev.COMMENT:
            if standing is None:
                standing = a.standing = Standing(alarm_id=known)
            standing.last = event

    def reject(self, p: Point, a: Alarm, t: int, reason: str) -> None:
        """A command that the rules refuse."""
        self.counters.rejected += 1
        command = self.command
        occ = None if command is None else command.occ
        self.alarm(p, a, Ev.REJECT, t, reason=reason, occ=occ)

    def late_violation(self, p: Point, a: Alarm, t: int, v: float, *, late: bool) -> None:
        """A sample older than the live alarm would have raised it."""
        self.events.append(
            Event(
                t=t,
                alarm=a.name,
                ev=Ev.LATE_VIOLATION,
                enterprise=p.place.enterprise,
                source=p.place.source,
                tag=p.tag,
                alarm_id=alarm_id(p.place.enterprise, p.tag, a.name, t, 0),
                priority=a.settings.priority,
                state=a.state,
                value=v,
                v=v,
                limit=a.limit,
                unit=_unit(p),
                received_at=self.clock,
                late=late,
                exercise=p.place.exercise,
            )
        )

    def tap(self, p: Point, t: int, *, late: bool) -> None:
        """Tells the detectors that watch this point what became of it."""
        value, quality = (nan, BAD) if p.lost else (p.value, p.quality)
        at = min(self.clock, t + p.skew)  # a tick may come long after a loss
        self.taps.append(Tap(p.slot, t, value, quality, at, late))


def alarm_id(enterprise: str, tag: str, alarm: str, t: int, nth: int) -> str:
    """The id of an occurrence: of its content alone, so that it is the same whatever history the engine had."""
    return blake2b(f"{enterprise}\0{tag}\0{alarm}\0{t}\0{nth}".encode(), digest_size=16).hexdigest()


def occurrence_id(p: Point, a: Alarm) -> str:
    """The id of the present or last occurrence; one of its own for an alarm that never was."""
    t = 0 if a.raised_t == BEFORE else a.raised_t
    return alarm_id(p.place.enterprise, p.tag, a.name, t, a.nth)


def _arrival(p: Point) -> int | None:
    return p.last_t + p.skew if p.heard else None


def _value(p: Point) -> float | None:
    if p.reading is not None:
        return p.reading.value
    return None if p.quality == NONE or p.value != p.value else p.value


def _limit(p: Point, a: Alarm) -> float | None:
    if p.place.rule:
        return None if p.reading is None else p.reading.limit
    return a.limit


def _unit(p: Point) -> str | None:
    return (p.place.unit if p.reading is None else p.reading.unit) or None
