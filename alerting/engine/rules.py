"""Samples and time to alarm events: the semantics R1 to R11 and R15 for one point, plainly; the truth of the engine."""

from __future__ import annotations

from math import isfinite

from alerting.engine.points import (
    BAD,
    BEFORE,
    CONFIRM_MS,
    NEVER,
    Alarm,
    Point,
    Standing,
)
from alerting.engine.voice import Voice, occurrence_id
from alerting.events import Ev

# What happens inside one instant happens in this order (R3); samples come before all, commands after.
STALE, RETURN, RAISE, REALARM, EXPIRY = range(5)


def arrive(p: Point, t: int, v: float, quality: int, late: bool, voice: Voice) -> None:
    """A sample has come in; the voice's clock is its arrival. `late` as R15 has it."""
    at = voice.clock
    if not isfinite(v):
        quality = BAD
    if p.waiting is None and _is_duplicate(p, t, v, quality):
        voice.counters.duplicates += 1
        return
    confirm_before(p, at, voice)
    limit = p.place.max_future_ms
    if limit is not None and t > at + limit:
        voice.counters.future += 1
        voice.point(p, Ev.FUTURE, t, v=v if isfinite(v) else None)
        return
    waiting = p.waiting
    if waiting is None:
        sample(p, t, v, quality, late, voice, anchor=at - t if not p.heard or t > p.last_t else None)
        return
    if waiting.newest_t < t:
        waiting.newest_t = t
        p.skew = at - t
    waiting.samples.append((t, v, quality, at, late))
    release(p, max(waiting.newest_t, at - p.skew) - p.place.reorder_ms, voice)


def release(p: Point, upto: int, voice: Voice) -> None:
    """The samples of the reorder buffer up to that time are applied, in order of time and then of arrival (R2)."""
    waiting = p.waiting
    if waiting is None or not waiting.samples:
        return
    ready = [entry for entry in waiting.samples if entry[0] <= upto]
    if ready:
        waiting.samples = [entry for entry in waiting.samples if entry[0] > upto]
        for t, v, quality, _, late in sorted(ready, key=lambda entry: entry[0]):
            sample(p, t, v, quality, late, voice, anchor=None)


def sample(p: Point, t: int, v: float, quality: int, late: bool, voice: Voice, *, anchor: int | None) -> None:
    """One sample in its turn: a duplicate, late, or applied (R2, R3). `anchor` is the skew that it brings, if any."""
    if _is_duplicate(p, t, v, quality):
        voice.counters.duplicates += 1
        return
    if p.heard and t < p.last_t:
        _too_late(p, t, v, quality, late, voice)
        return
    while p.fence < t:
        p.fence = fire(p, t, voice)
        confirm_before(p, voice.clock, voice)  # which may set a re-alarm going
    if anchor is not None:
        p.skew = anchor
    p.applying = True
    _apply(p, t, v, quality, late, voice)
    p.timer_due = due = fire(p, max(t, p.fired_t) + 1, voice, stale_before=t + 1)
    p.applying = False
    p.fence = min(due, p.stale_due)
    if p.watched:
        voice.tap(p, t, late=late)


def _is_duplicate(p: Point, t: int, v: float, quality: int) -> bool:
    """The last applied sample once more; all bad ones of one time are identical (R2 a)."""
    return t == p.last_t and quality == p.quality and (quality == BAD or v == p.value)


def tick(p: Point, clock: int, voice: Voice) -> None:
    """The engine's clock has come so far: what is due by the point's own now fires, as if ticks had come all along."""
    now = voice.clock
    while min(confirm_at := p.confirm_at, wake := _wake(p)) < clock or wake == clock:
        if confirm_at < wake:
            confirm(p, confirm_at, voice)
        else:
            voice.clock = wake
            advance(p, wake - p.skew, voice)
    voice.clock = now


def wake_of(p: Point) -> int:
    """The engine's clock to which `tick` must come for the next thing to happen to it."""
    return min(p.confirm_at + 1, _wake(p))


def _wake(p: Point) -> int:
    """The engine's clock at which its earliest timer of event time fires, or its buffer gives out a sample."""
    wake = next_timer(p)[0] + p.lag + 1
    if p.waiting is not None and p.waiting.samples:
        wake = min(wake, min(entry[0] for entry in p.waiting.samples) + p.place.reorder_ms)
    return wake + p.skew


def advance(p: Point, now: int, voice: Voice) -> None:
    """The point's now is given: by its gateway's newest sample, or before a command (R15)."""
    release(p, now - p.place.reorder_ms, voice)
    fire(p, now - p.lag, voice)


def flush(p: Point, voice: Voice) -> None:
    """A gateway with a source clock has said nothing for 10 s: pending raises, returns and losses come true (R15)."""
    release(p, NEVER, voice)
    fire(p, NEVER, voice, delays_only=True)


def fire(p: Point, before: int, voice: Voice, *, stale_before: int | None = None, delays_only: bool = False) -> int:
    """Every timer due before that time fires, in order of due time, each with its own time as event time.

    Answers when the next one is due, a loss of the signal only where `stale_before` lets it be seen.

    After a sample `before` may lie ahead of it, because a timer had fired meanwhile; a point does not go stale by that
    (`stale_before`), since nothing goes stale between two samples that were seconds apart (R15).
    """
    while True:
        due, kind, alarm = next_timer(p, before if stale_before is None else stale_before, delays_only=delays_only)
        if due >= before:
            return due
        if alarm is None:
            _go_stale(p, due, voice)
        elif kind == RETURN:
            _return(p, alarm, due, voice)
        elif kind == RAISE:
            raise_alarm(p, alarm, due, voice)
        elif kind == REALARM:
            _realarm(p, alarm, due, voice, late=False)
        else:
            alarm.shelved = alarm.oneshot = False
            uncover(p, alarm, due, Ev.UNSHELVED, voice, why="expired")


def next_timer(p: Point, stale_before: int = NEVER, *, delays_only: bool = False) -> tuple[int, int, Alarm | None]:
    """The timer that fires first: its due time, its kind and its alarm (None: the point goes stale)."""
    best, kind, which = p.stale_due, STALE, None
    if best >= stale_before:
        best = NEVER
    for a in p.alarms:
        if a.active:
            if not a.c and (due := _return_due(a)) <= best and (due < best or kind > RETURN):
                best, kind, which = due, RETURN, a
        elif a.c and a.due <= best and (a.due < best or kind > RAISE):
            best, kind, which = a.due, RAISE, a
        if a.standing is not None and not delays_only:
            if (due := a.standing.realarm_due) <= best and (due < best or kind > REALARM):
                best, kind, which = due, REALARM, a
            if a.standing.until < best:
                best, kind, which = a.standing.until, EXPIRY, a
    return best, kind, which


def _return_due(a: Alarm) -> int:
    """An inner level returns no earlier than its outer one (R7)."""
    if a.outer is None:
        return a.due
    return NEVER if a.outer.active else max(a.due, a.outer.change_t)


def _too_late(p: Point, t: int, v: float, quality: int, late: bool, voice: Voice) -> None:
    """Older than the last applied one: told sample by sample (R2 b), or kept for the second copy of the rules (R15)."""
    voice.counters.late += 1
    if not voice.per_sample_late:
        voice.past.append((t, v, quality))
        return
    violated = [] if quality == BAD else _violated(p, v)
    inactive = [a for a in violated if not a.active]
    for a in inactive:
        voice.late_violation(p, a, t, v, late=late)
    if not inactive:
        voice.point(p, Ev.LATE, t, v=v if isfinite(v) else None, late=late)


def _violated(p: Point, v: float) -> list[Alarm]:
    """The most severe violated level of each side, high side first."""
    found: dict[bool, Alarm] = {}
    for a in p.alarms:
        if v >= a.limit if a.high else v <= a.limit:
            found.setdefault(a.high, a)
    return list(found.values())


def _apply(p: Point, t: int, v: float, quality: int, late: bool, voice: Voice) -> None:
    was_lost, was_bad = p.lost, p.status == "B"
    p.last_t = t
    p.quality = quality
    p.stale = False
    if quality == BAD:
        if not was_bad:
            p.status_t = max(t, p.status_t)
            voice.point(p, Ev.BAD, p.status_t, late=late)
        if not was_lost:
            _lose(p, t, late)
        return
    p.value = v
    if p.coming is not None:
        p.reading, p.coming = p.coming, None
    if was_lost:
        p.status_t = max(t, p.status_t)
        voice.point(p, Ev.GOOD, p.status_t, late=late)
    for a in p.alarms:
        evaluate(a, v, max(t, a.change_t), fresh=was_lost, late=late)


def _go_stale(p: Point, due: int, voice: Voice) -> None:
    was_lost = p.lost
    p.stale = True
    p.status_t = max(due, p.status_t)
    if p.heard or voice.per_sample_late:  # what was never heard has no time of its own yet
        p.fired_t = max(p.fired_t, p.status_t)
    voice.point(p, Ev.STALE, p.status_t)
    if not was_lost:
        _lose(p, p.status_t, late=False)
    if p.watched:
        voice.tap(p, p.status_t, late=False)


def _lose(p: Point, t: int, late: bool) -> None:
    """The signal is lost: nothing may return until it is back; an on-delay goes on, but not that of a rule (R6)."""
    for a in p.alarms:
        if a.active and not a.c:
            a.due = NEVER
        if a.settings.on_bad == "alarm":
            _turn(a, True, max(t, a.change_t), late)
        elif p.place.rule and not a.active:  # an unknown rule raises nothing
            a.c, a.due = False, NEVER


def evaluate(a: Alarm, v: float, t: int, *, fresh: bool, late: bool) -> bool:
    """The condition after a good value (R4); `fresh` where the signal was lost until now. True where it flipped."""
    if a.high:
        c = v >= a.limit or (a.c and not v < a.clear)
    else:
        c = v <= a.limit or (a.c and not v > a.clear)
    if c != a.c:
        _turn(a, c, t, late)
        return True
    if fresh and a.active and not c:
        a.since, a.late, a.due = t, late, t + a.settings.off_delay_ms
    return False


def _turn(a: Alarm, c: bool, t: int, late: bool) -> None:
    """The condition becomes `c`: its delay starts, the other's is cancelled (R5)."""
    if a.c == c:
        return
    a.c, a.since, a.late = c, t, late
    if c:
        a.due = NEVER if a.active else t + a.settings.on_delay_ms
    else:
        a.due = t + a.settings.off_delay_ms if a.active else NEVER


def raise_alarm(p: Point, a: Alarm, t: int, voice: Voice) -> None:
    """A new occurrence (R9, R10); takes the inner level with it (R7)."""
    outer = a.outer
    since = a.since
    if outer is not None and not a.c:  # raised by its outer level alone
        since, a.late = outer.since, outer.late
    since = min(since, t)  # raised by its outer level, its own condition may have begun with a loss told since
    a.nth = a.nth + 1 if a.raised_t == t else 1
    a.active = True
    a.occ += 1
    a.change_t = a.raised_t = t
    p.fired_t = max(p.fired_t, t)
    a.latched = a.latched or a.settings.latch
    visible = a.visible
    subsumed = outer is not None and outer.active and outer.visible
    a.standing = standing = _renewed(p, a, since)
    a.unacked = a.unacked or visible
    ann = visible and not subsumed and not a.late
    if ann:
        _annunciated(a, standing, t)
    elif visible and not subsumed:
        standing.confirm_at = (voice.clock if p.applying else min(voice.clock, t + p.skew)) + CONFIRM_MS
        p.confirm_at = min(p.confirm_at, standing.confirm_at)
    if a.c or p.lost:
        a.due = NEVER
    else:  # raised by its outer level alone
        a.since, a.due = t, t + a.settings.off_delay_ms
    voice.alarm(p, a, Ev.ACTIVE, t, since=since, ann=ann, late=a.late)
    inner = p.inner(a)
    if inner is not None and not inner.active:
        raise_alarm(p, inner, max(t, inner.change_t), voice)


def _renewed(p: Point, a: Alarm, since: int) -> Standing:
    """The standing entry of a new occurrence; a running shelve goes on."""
    until = NEVER if a.standing is None else a.standing.until
    return Standing(alarm_id=occurrence_id(p, a), since=since, until=until)


def _return(p: Point, a: Alarm, t: int, voice: Voice) -> None:
    a.active = False
    a.change_t = t
    p.fired_t = max(p.fired_t, t)
    a.due = NEVER
    if not a.settings.ack_rtn and not a.latched:
        a.unacked = False
    quiet(a)
    voice.alarm(p, a, Ev.RTN, t, since=a.since, late=a.late)
    if a.shelved and a.oneshot:
        a.shelved = a.oneshot = False
        uncover(p, a, t, Ev.UNSHELVED, voice, why="returned")


def _realarm(p: Point, a: Alarm, t: int, voice: Voice, *, late: bool) -> None:
    """Still active: unacknowledged and annunciated again (R9), or a late raise annunciated at last (R15)."""
    if a.standing is None:
        return
    a.unacked = True
    a.standing.confirm_at = NEVER
    _annunciated(a, a.standing, t)
    voice.alarm(p, a, Ev.REALARM, t, ann=True, late=late)


def confirm_before(p: Point, clock: int, voice: Voice) -> None:
    """Late annunciations that are due by then, and before each what is due before it, as if ticks had come."""
    while p.confirm_at < clock:
        _look_for_late_raises(p)
        if (due := p.confirm_at) < clock:
            tick(p, due + 1, voice)


def confirm(p: Point, clock: int, voice: Voice) -> None:
    """Late raises whose 10 s of engine clock are over and which are still active are annunciated (R15)."""
    for a in p.alarms:
        if a.standing is not None and a.standing.confirm_at <= clock:
            _realarm(p, a, max(clock - p.skew, a.change_t), voice, late=True)
    _look_for_late_raises(p)
    p.fence = BEFORE  # a re-alarm timer may run now


def _look_for_late_raises(p: Point) -> None:
    """Those that returned, or were seen, are not waited for any more."""
    p.confirm_at = min((a.standing.confirm_at for a in p.alarms if a.standing is not None), default=NEVER)


def uncover(p: Point, a: Alarm, t: int, ev: Ev, voice: Voice, *, why: str | None = None) -> None:
    """An overlay ended; when it was the last, what is active or latched is annunciated (R12)."""
    if a.standing is not None and not a.shelved:
        a.standing.until = NEVER
    ann = a.visible and (a.active or a.latched)
    if ann:
        a.unacked = True
        if a.active and a.standing is not None:
            _annunciated(a, a.standing, t)
    voice.alarm(p, a, ev, t, ann=ann, why=why)


def quiet(a: Alarm) -> None:
    """No further annunciation is due: it returned, or went under an overlay."""
    if a.standing is not None:
        a.standing.realarm_due = a.standing.confirm_at = NEVER
        a.standing.annunciated_t = BEFORE


def _annunciated(a: Alarm, standing: Standing, t: int) -> None:
    standing.annunciated_t = t
    standing.realarm_due = NEVER if a.settings.realarm_ms is None else t + a.settings.realarm_ms


def timers(p: Point) -> int:
    """The earliest due time of all its timers but the loss of the signal."""
    return next_timer(p, BEFORE)[0]
