"""One point with up to four alarms: samples, ticks and commands in, events out, as the rules R1 to R15 say it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.reference.alarm import (
    EXPIRY,
    FLOOR,
    LATE,
    RAISE,
    REALARM,
    RETURN,
    STALE,
    Alarm,
    Timer,
    clears,
    latest,
    violates,
)
from tests.reference.settings import ORDER, AlarmConfig, PointConfig, changed, fault

Event = dict[str, Any]
OUTER = {"H": "HH", "L": "LL"}
INNER = {"HH": "H", "LL": "L"}
USUAL_MS, SILENCE_MS, LATE_MS, PATIENCE_MS = 600_000, 60_000, 30_000, 10_000  # excursions while offline (R15)


class Point:
    """Feed it in order; `events` grows."""

    def __init__(self, config: PointConfig, alarms: dict[str, AlarmConfig]) -> None:
        self.config = config
        self.alarms = {level: Alarm(level, alarms[level]) for level in ORDER if level in alarms}
        self.events: list[Event] = []
        self.clock: int | None = None  # the engine's
        self.newest: tuple[int, int] | None = None  # event time and arrival of the newest sample (R15)
        self.buffer: list[tuple[int, int, float, str, bool]] = []  # t, number of arrival, v, q, late
        self.arrived: int | None = None
        self.heard_at = 0  # arrival of the last sample, also of one that is not the newest
        self.spoken_ms = 0  # for how long messages have come
        self.delays: list[tuple[int, int]] = []  # of each message: that, and how long after its time it came
        self.late = False  # the sample being applied arrived late
        self.arrivals = 0
        self.last: tuple[int, float, str] | None = None  # the last sample applied
        self.good_value: float | None = None
        self.status: str | None = None
        self.status_at: int | None = None
        self.last_fired: int | None = None
        self.setting = self.commanding = self.applying = False
        self.arriving: int | None = None  # when the sample came that is at work now
        self.seen: Counter[str] = Counter()  # the rare situations that this history reached
        self.disputed: int | None = None  # how many events there were before the first that the engine sees otherwise
        self.stale_due: int | None = None
        if config.stale_ms is not None and config.start_t is not None:
            self.stale_due = config.start_t + config.stale_ms

    # Inputs

    def sample(self, t: int, v: float, q: str, at: int) -> None:
        self._run_clock(at)
        if not math.isfinite(v):
            q = "B"
        late = self._arrives_late(t, at)
        if self.config.reorder_ms == 0 and self.last is not None and self._is_last_again(t, v, q):
            return
        self._tell_late_raises(at)
        if self.config.max_future_ms is not None and t > at + self.config.max_future_ms:
            self._point_event(t, "FUTURE")
            return
        self.arriving = at
        if self.newest is None or t > self.newest[0]:
            if self.newest is not None and self.config.reorder_ms == 0:
                self._fire_before(t, but=(LATE,))
                self._tell_late_raises(at)
            self.newest = (t, at)
        self.applying = True
        self.heard_at = at
        self.arrivals += 1
        self.buffer.append((t, self.arrivals, v, q, late))
        if self.config.reorder_ms == 0:
            self._release(t)
        else:
            self._release(max(self.newest[0], self.now(at)) - self.config.reorder_ms)
        self.arriving = None
        self.applying = False

    def _is_last_again(self, t: int, v: float, q: str) -> bool:
        """All bad samples of one time are identical."""
        return self.last is not None and (t, q) == (self.last[0], self.last[2]) and (q == "B" or v == self.last[1])

    def _arrives_late(self, t: int, at: int) -> bool:
        """More than 30 s later than usual, which is the smallest delay of its last 10 minutes of messages.

        A silence counts as a minute at most: after an outage usual is what was usual before it.
        """
        before = self.arrived if self.arrived is not None else at
        self.arrived = max(at, before)
        self.spoken_ms += min(self.arrived - before, SILENCE_MS)
        self.delays = [(spoken, delay) for spoken, delay in self.delays if spoken >= self.spoken_ms - USUAL_MS]
        self.delays.append((self.spoken_ms, at - t))
        return at - t > min(delay for _, delay in self.delays) + LATE_MS

    def _tell_late_raises(self, clock: int) -> None:
        """Those whose 10 s were over before this input came, as if the engine had ticked then."""
        while due := [alarm.late_until or 0 for alarm in self.alarms.values() if self._told_late(alarm, clock)]:
            then = self.now(min(due))
            self._fire_before(then - self.lag, but=(LATE,))
            for alarm in self.alarms.values():
                if self._told_late(alarm, min(due) + 1):
                    self._realarm(alarm, then, late=True)

    def _told_late(self, alarm: Alarm, clock: int) -> bool:
        return alarm.late_until is not None and alarm.active and alarm.visible and alarm.late_until < clock

    def restart(self) -> None:
        """Snapshot and reload change nothing (R14)."""
        pending = sum(timer.kind == RAISE for timer in self._timers())
        self.seen["on-delay pending over a restart"] += pending
        self.seen["off-delay pending over a restart"] += sum(timer.kind == RETURN for timer in self._timers())
        self.seen["samples waiting over a restart"] += len(self.buffer)

    def tick(self, now: int) -> None:
        self._run_clock(now)
        self._tell_late_raises(now)
        own = self.now(now)
        if self.config.reorder_ms > 0:
            self._release(own - self.config.reorder_ms)
        self._fire_before(own - self.lag)

    def command(self, name: str, t: int, level: str, given: dict[str, Any]) -> None:
        asked = self._run_clock(t)
        clock = self.now(asked)
        if self.config.reorder_ms > 0:
            self._release(clock - self.config.reorder_ms)
        self.commanding = True
        self._fire_upto(clock - self.lag)
        self.commanding = False
        alarm = self.alarms[level]
        now = latest(clock, alarm.moved_at)  # the times of one alarm's events never go back
        match name:
            case "ACK":
                self._acknowledge(alarm, now, given.get("occ"), clock=clock)
            case "RESET":
                self._reset(alarm, now)
            case "SHELVE":
                self._shelve(alarm, now, given, asked=asked, clock=clock)
            case "UNSHELVE":
                self._unshelve(alarm, now)
            case "SUPPRESS":
                self._suppress(alarm, now, on=given.get("on") is True)
            case "OOS":
                self._out_of_service(alarm, now, on=given.get("on") is True, permit=given.get("permit"))
            case "SET":
                self._set(alarm, now, given["values"])
            case _:
                raise ValueError(name)

    def final(self) -> dict[str, str]:
        return {level: alarm.shown for level, alarm in self.alarms.items()}

    # Time (R3, R15)

    @property
    def lag(self) -> int:
        return max(self.config.timer_lag_ms, self.config.reorder_ms)

    def _run_clock(self, at: int) -> int:
        """The engine's clock never goes back."""
        self.clock = latest(at, self.clock)
        return self.clock

    def now(self, clock: int) -> int:
        """The point's own: its newest sample's time and what the engine's clock has run since that arrived."""
        if self.newest is None:
            return clock
        t, at = self.newest
        return t + clock - at

    def _clock_at(self, t: int) -> int:
        """What the engine's clock shows when the point's own shows t."""
        return t if self.newest is None else t - self.newest[0] + self.newest[1]

    def _timers(self) -> Iterator[Timer]:
        if self.stale_due is not None:
            yield Timer(self.stale_due, STALE, 0, self._go_stale)
        for rank, alarm in enumerate(self.alarms.values()):
            yield from self._timers_of(alarm, rank)

    def _timers_of(self, alarm: Alarm, rank: int) -> Iterator[Timer]:
        config = alarm.config
        if not alarm.active and alarm.condition:
            due = alarm.true_since + config.on_delay_ms
            yield Timer(latest(due, alarm.raise_from), RAISE, rank, lambda t: self._raise(alarm, t))
        outer = self.alarms.get(OUTER.get(alarm.level, ""))
        if alarm.active and alarm.false_since is not None and not (outer and outer.active):
            due = latest(alarm.false_since + config.off_delay_ms, alarm.return_from)
            if outer:
                due = latest(due, outer.returned_at)
            yield Timer(due, RETURN, rank, lambda t: self._return(alarm, t))
        if config.realarm_ms is not None and alarm.active and alarm.visible and alarm.annunciated_at is not None:
            due = latest(alarm.annunciated_at + config.realarm_ms, alarm.realarm_from)
            yield Timer(due, REALARM, rank, lambda t: self._realarm(alarm, t))
        if alarm.late_until is not None and alarm.active and alarm.visible:
            yield Timer(self.now(alarm.late_until), LATE, rank, lambda t: self._realarm(alarm, t, late=True))
        if alarm.shelved_until is not None:
            yield Timer(alarm.shelved_until, EXPIRY, rank, lambda t: self._end_shelve(alarm, t, "expired"))

    def _fire_before(self, end: int, *, but: tuple[int, ...] = ()) -> None:
        self._fire_upto(end - 1, but=but)

    def _fire_upto(self, end: int, *, but: tuple[int, ...] = ()) -> None:
        while due := [timer for timer in self._timers() if timer.due <= end and timer.kind not in but]:
            timer = min(due)
            if timer.kind in FLOOR:
                self.last_fired = latest(timer.due, self.last_fired)
            timer.fire(timer.due)

    # Samples (R1, R2, R4 to R7)

    def _release(self, upto: int) -> None:
        for waiting in sorted(self.buffer, key=lambda waiting: waiting[:2]):
            t, _, v, q, late = waiting
            if t <= upto:
                self.buffer.remove(waiting)
                self._take(t, v, q, late=late)

    def _take(self, t: int, v: float, q: str, *, late: bool) -> None:
        if self.last is not None:
            last_t, last_v, last_q = self.last
            if t == last_t and q == last_q and (q == "B" or v == last_v):
                return
            if t < last_t:
                self._out_of_order(t, v, q)
                return
        self._fire_before(t, but=(LATE,))  # those run on the engine's clock (R15)
        self.late = late
        self._apply(t, v, q)
        self.late = False
        self._fire_upto(latest(t, self.last_fired), but=(STALE, LATE))  # those run on the engine's clock (R15)

    def _out_of_order(self, t: int, v: float, q: str) -> None:
        violated = [] if q == "B" else [alarm for alarm in self.alarms.values() if violates(alarm, v)]
        if violated and not violated[0].active:
            self._event(t, violated[0], "LATE_VIOLATION", v=v)
        else:
            self._point_event(t, "LATE")

    def _apply(self, t: int, v: float, q: str) -> None:
        self.last = (t, v, q)
        if self.config.stale_ms is not None:
            self.stale_due = t + self.config.stale_ms
        if q == "B":
            if self.status != "B":
                self._change_status(t, "BAD", "B")
            return
        if self.lost:
            self._change_status(t, "GOOD", q)
        self.status = q
        self.good_value = v
        for alarm in self.alarms.values():
            self.seen["acts at a newer time"] += alarm.moved_at is not None and t < alarm.moved_at
            self._evaluate(alarm, latest(t, alarm.moved_at), v)

    @property
    def lost(self) -> bool:
        return self.status in ("B", "S")

    def _go_stale(self, t: int) -> None:
        self.stale_due = None
        if self.setting:
            self._dispute("stale due when a SET fires")
        self._change_status(latest(t, self.status_at), "STALE", "S")

    def _change_status(self, t: int, ev: str, status: str) -> None:
        was_lost, self.status = self.lost, status
        self.status_at = latest(t, self.status_at)
        self._point_event(self.status_at, ev)
        if was_lost or not self.lost:
            return
        for alarm in self.alarms.values():
            if alarm.active and alarm.false_since is not None:
                self.seen["off-delay restarted after bad"] += 1
            alarm.false_since = None
            if alarm.config.on_bad == "alarm" and not alarm.condition:
                self._begin_true(alarm, latest(t, alarm.moved_at))

    def _begin_true(self, alarm: Alarm, t: int) -> None:
        alarm.condition = True
        alarm.true_since = t
        alarm.true_late = self.late
        alarm.raise_from = None

    def _begin_false(self, alarm: Alarm, t: int) -> None:
        alarm.false_since = t
        alarm.false_late = self.late
        alarm.return_from = None

    def _evaluate(self, alarm: Alarm, t: int, v: float) -> None:
        """The last good value against the limit, at t."""
        if violates(alarm, v):
            if not alarm.condition:
                self._begin_true(alarm, t)
        elif alarm.condition and clears(alarm, v):
            alarm.condition = False
            alarm.false_since = None
        if alarm.condition:
            alarm.false_since = None
        elif alarm.false_since is None:
            self._begin_false(alarm, t)

    # What timers do

    def _raise(self, alarm: Alarm, t: int) -> None:
        t = latest(t, alarm.moved_at)
        outer = self.alarms.get(OUTER.get(alarm.level, ""))
        subsumed = outer is not None and outer.active and outer.visible
        alarm.active = True
        alarm.moved_at = t
        alarm.occ += 1
        alarm.unacked = alarm.unacked or alarm.visible
        alarm.latched = alarm.latched or alarm.config.latch
        cause = alarm if alarm.condition or outer is None else outer  # H raised by HH alone began as that began
        if not alarm.condition:
            alarm.false_since = None if self.lost else t
        due = alarm.visible and not subsumed
        alarm.annunciated_at = t if due and not cause.true_late else None
        alarm.late_until = self._late_until(t) if due and cause.true_late else None
        alarm.realarm_from = None
        ann = alarm.annunciated_at is not None
        self._event(t, alarm, "ACTIVE", since=min(t, cause.true_since), ann=ann, late=cause.true_late)
        inner = self.alarms.get(INNER.get(alarm.level, ""))
        if inner is not None and not inner.active:
            self.seen["HH raises H"] += 1
            self._raise(inner, t)

    def _late_until(self, t: int) -> int:
        """10 s of the engine's clock after the raise, which is not before the sample came that brought it out (R15)."""
        if not self.applying and self.newest is not None and self.heard_at > self.newest[1]:
            self._dispute("a timer raises late after another value at the newest time")  # whose arrival moves no clock
        if self.arriving is not None and (self.applying or self.arriving < self._clock_at(t)):
            return self.arriving + PATIENCE_MS
        return self._clock_at(t) + PATIENCE_MS

    def _return(self, alarm: Alarm, t: int) -> None:
        t = latest(t, alarm.moved_at)
        alarm.active = False
        alarm.moved_at = t
        alarm.returned_at = t
        if not alarm.config.ack_rtn and not alarm.latched:
            alarm.unacked = False
        self._event(t, alarm, "RTN", since=alarm.false_since, late=alarm.false_late)
        alarm.late_until = None
        if alarm.shelved_until is not None and alarm.oneshot:
            self._end_shelve(alarm, t, "returned")

    def _realarm(self, alarm: Alarm, t: int, *, late: bool = False) -> None:
        t = latest(t, alarm.moved_at)
        alarm.late_until = None
        alarm.unacked = True
        alarm.annunciated_at = t
        alarm.realarm_from = None
        self.seen["late raise told after all" if late else "re-alarm"] += 1
        self._event(t, alarm, "REALARM", ann=True, late=late)

    # Commands (R9 to R13)

    def _acknowledge(self, alarm: Alarm, t: int, occ: int | None, *, clock: int) -> None:
        if occ is not None and occ != alarm.occ:
            self._reject(alarm, t, "ACK", "stale_occurrence")
            return
        if not alarm.unacked:
            self._reject(alarm, t, "ACK")
            return
        alarm.unacked = False
        alarm.late_until = None
        self._event(t, alarm, "ACK")
        inner = self.alarms.get(INNER.get(alarm.level, ""))
        if inner is not None and inner.unacked:
            inner.unacked = False
            inner.late_until = None
            self._event(latest(clock, inner.moved_at), inner, "ACK", cascade=True)

    def _reset(self, alarm: Alarm, t: int) -> None:
        if not alarm.latched or alarm.active or alarm.unacked or not alarm.visible:
            self._reject(alarm, t, "RESET", "not_resettable")
            return
        self.seen["latch reset"] += 1
        alarm.latched = False
        self._event(t, alarm, "RESET")

    def _shelve(self, alarm: Alarm, t: int, given: dict[str, Any], *, asked: int, clock: int) -> None:
        until = given.get("until")
        if not alarm.config.shelvable:
            self._reject(alarm, t, "SHELVE")
        elif not given.get("reason"):
            self._reject(alarm, t, "SHELVE", "reason_required")
        elif until is None or not asked < until <= asked + alarm.config.max_shelve_ms:
            self._reject(alarm, t, "SHELVE", "duration")
        else:
            alarm.shelved_until = t + until - asked  # a span like the delays, from when it acts (R15)
            alarm.oneshot = given.get("oneshot") is True
            alarm.unacked = False
            alarm.late_until = None
            self._event(t, alarm, "SHELVED", until=until)

    def _unshelve(self, alarm: Alarm, t: int) -> None:
        if alarm.shelved_until is None:
            self._reject(alarm, t, "UNSHELVE")
        else:
            self._end_shelve(alarm, t, None)

    def _end_shelve(self, alarm: Alarm, t: int, why: str | None) -> None:
        t = latest(t, alarm.moved_at)
        self.seen[f"shelve {why or 'ended by command'}"] += 1
        alarm.shelved_until = None
        alarm.oneshot = False
        ann = self._overlay_over(alarm, t)
        fields = {} if why is None else {"why": why}
        self._event(t, alarm, "UNSHELVED", ann=ann, **fields)

    def _suppress(self, alarm: Alarm, t: int, *, on: bool) -> None:
        if on and not alarm.suppressed:
            alarm.suppressed = True
            self._event(t, alarm, "SUPPRESSED")
        elif alarm.suppressed and not on:
            alarm.suppressed = False
            self._event(t, alarm, "UNSUPPRESSED", ann=self._overlay_over(alarm, t))

    def _out_of_service(self, alarm: Alarm, t: int, *, on: bool, permit: str | None) -> None:
        if on and not permit:
            self._reject(alarm, t, "OOS", "permit_required")
        elif on:
            alarm.out_of_service = True
            self._event(t, alarm, "OOS")
        elif alarm.out_of_service:
            alarm.out_of_service = False
            self._event(t, alarm, "IN_SERVICE", ann=self._overlay_over(alarm, t))

    def _overlay_over(self, alarm: Alarm, t: int) -> bool:
        """An overlay has ended: whether that annunciates (R12)."""
        if not alarm.visible or not (alarm.active or alarm.latched):
            return False
        alarm.unacked = True
        alarm.annunciated_at = t
        alarm.late_until = None
        alarm.realarm_from = None
        return True

    def _set(self, alarm: Alarm, t: int, values: dict[str, Any]) -> None:
        config = changed(alarm.config, values)
        configs = {level: other.config for level, other in self.alarms.items()}
        if fault(self.config, {**configs, alarm.level: config}) is not None:
            self._reject(alarm, t, "SET")
            return
        self.seen["SET while pending"] += any(timer.kind in (RAISE, RETURN) for timer in self._timers_of(alarm, 0))
        old, alarm.config = alarm.config, config
        if config.on_delay_ms != old.on_delay_ms:
            alarm.raise_from = t
        if config.off_delay_ms != old.off_delay_ms:
            alarm.return_from = t
        if config.realarm_ms != old.realarm_ms:
            alarm.realarm_from = t
        self._event(t, alarm, "CONFIG")
        before = alarm.condition
        if self.good_value is not None and not self.lost:
            self._evaluate(alarm, t, self.good_value)
        if alarm.condition != before or self._own_due(alarm, t):
            self.setting = True
            self._fire_upto(t)
            self.setting = False

    def _own_due(self, alarm: Alarm, t: int) -> bool:
        """Whether the alarm's own delay is over by t."""
        if not alarm.active:
            return alarm.condition and alarm.true_since + alarm.config.on_delay_ms <= t
        return alarm.false_since is not None and alarm.false_since + alarm.config.off_delay_ms <= t

    # Events

    def _event(self, t: int, alarm: Alarm, ev: str, **more: object) -> None:
        event = {"t": t, "alarm": alarm.level, "ev": ev, "state": alarm.shown}
        status = {} if ev == "LATE_VIOLATION" else {"q": self.status}  # of that the rules give no more than v
        occ = {} if ev in ("LATE_VIOLATION", "REJECT") else {"occ": alarm.occ}
        self.events.append({**event, **occ, **status, "ann": False, **more})

    def _dispute(self, what: str) -> None:
        """The rules say this; the engine, as it is, something else: events from here on are not compared."""
        self.seen[what] += 1
        if self.disputed is None:
            self.disputed = len(self.events)

    def _point_event(self, t: int, ev: str) -> None:
        self.events.append({"t": t, "alarm": "POINT", "ev": ev, "q": self.status, "ann": False})

    def _reject(self, alarm: Alarm, t: int, name: str, reason: str | None = None) -> None:
        """Refused and logged; the reason is given where the rules name one."""
        self._event(t, alarm, "REJECT", cmd=name, **({} if reason is None else {"reason": reason}))
