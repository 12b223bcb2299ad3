"""Samples that flip conditions to alarm events, all at once, where nothing but the condition stands in question.

In a flood every twentieth sample changes something. Most of them are plain: the point is heard, its timers lie ahead,
no overlay, no lateness. For those R4, R5, R7, R9 and R10 are a few dozen numpy operations over all points and levels;
the rules of `rules` say the same, one at a time, and whatever is not plain is left to them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alerting.engine.points import BAD, BEFORE, NEVER, STATUS, Standing
from alerting.engine.state import ACTIVE, BLOCK, LARGEST, LATCHED, LATE, OOS, SHELVED, SUPPRESSED, UNACKED, C, State
from alerting.engine.sweep import Samples
from alerting.engine.voice import alarm_id
from alerting.events import Ev, Event
from alerting.events import State as Shown
from registry.alarms import LEVELS

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

HIGH, LOW = slice(0, 2), slice(2, 4)
OUTER, INNER = slice(0, 4, 2), slice(1, 4, 2)
APART = SHELVED | SUPPRESSED | OOS | LATE


class Change(NamedTuple):
    """What samples make of the four levels of their points, shape (samples, 4) each."""

    alarms: npt.NDArray[Any]
    returned: Bools
    raised: Bools
    active: Bools
    c: Bools


def surge(
    state: State, samples: Samples, late: Bools
) -> tuple[Samples | None, Samples | None, list[tuple[int, Event]]]:
    """Applies the plain ones, one a point at most.

    Answers the others, those of the applied ones that a rule watches, and the events with the order of their samples.
    """
    plain = _is_plain(state, samples, late)
    picked = samples if plain.all() else samples.take(plain)
    if not len(picked):
        return samples, None, []
    change = _judged(state, picked)
    whole = _is_whole(change)
    if not whole.all():
        plain[np.flatnonzero(plain)[~whole]] = False
        picked = picked.take(whole)
        change = Change(*(part[whole] for part in change))
    events = _events(state, picked, change)
    _write(state, picked, change)
    watched = state.watched.take(picked.slots)
    rest = None if len(picked) == len(samples) else samples.take(~plain)
    return rest, picked.take(watched) if watched.any() else None, events


def _is_plain(state: State, samples: Samples, late: Bools) -> Bools:
    slots, t = samples.slots, samples.t
    plain = t > state.last_t.take(slots)
    plain &= t < state.fence.take(slots)
    plain &= samples.quality != BAD
    plain &= np.isfinite(samples.value)
    plain &= state.quiet_lo.take(slots) <= state.quiet_hi.take(slots)
    plain &= t >= state.fired_t.take(slots)
    plain &= ~late
    if state.future_ms is not None:
        plain &= t - samples.at <= state.future_ms.take(slots)
    alarms = state.alarms[slots]
    plain &= (alarms["flags"] & APART == 0).all(axis=1)
    plain &= (alarms["change_t"] < t[:, None]).all(axis=1)
    return plain


def _judged(state: State, samples: Samples) -> Change:
    alarms = state.alarms[samples.slots]
    table = state.profile_table()
    profile = alarms["profile"]
    exists = profile >= 0
    t = samples.t[:, None]
    c0, active = _has(alarms, C), _has(alarms, ACTIVE)
    c = _condition(alarms["limit"], table["deadband"][profile], samples.value[:, None], c0) & exists
    flip = c != c0
    since = np.where(flip, t, alarms["since"])
    ahead = np.where(
        c, np.where(active, NEVER, t + table["on"][profile]), np.where(active, t + table["off"][profile], NEVER)
    )
    due = np.where(flip, ahead, alarms["due"])
    over = due <= t
    returned = active & ~c & over
    returned[:, INNER] &= ~(active[:, OUTER] & ~returned[:, OUTER])  # no earlier than its outer level (R7)
    active &= ~returned
    raised = c & ~active & over
    raised[:, INNER] |= raised[:, OUTER] & ~active[:, INNER] & exists[:, INNER]
    active |= raised
    latched = _has(alarms, LATCHED) | (raised & table["latch"][profile])
    seen = returned & ~table["ack_rtn"][profile] & ~latched
    unacked = (_has(alarms, UNACKED) & ~seen) | raised
    moved = returned | raised
    alarms["flags"] = c * C | active * ACTIVE | unacked * UNACKED | latched * LATCHED
    alarms["since"] = since
    alarms["due"] = np.where(moved, NEVER, due)
    alarms["occ"] += raised
    alarms["nth"] = np.where(raised, 1, alarms["nth"])
    alarms["change_t"] = np.where(moved, t, alarms["change_t"])
    alarms["raised_t"] = np.where(raised, t, alarms["raised_t"])
    return Change(alarms, returned, raised, active, c)


def _is_whole(change: Change) -> Bools:
    """Not where an outer level raises its inner one against the inner one's own condition."""
    whole: Bools = np.all(~change.raised | change.c, axis=1)
    return whole


def _condition(limit: npt.NDArray[Any], deadband: npt.NDArray[Any], value: npt.NDArray[Any], c0: Bools) -> Bools:
    c = np.empty(c0.shape, np.bool_)
    c[:, HIGH] = (value >= limit[:, HIGH]) | (c0[:, HIGH] & ~(value < limit[:, HIGH] - deadband[:, HIGH]))
    c[:, LOW] = (value <= limit[:, LOW]) | (c0[:, LOW] & ~(value > limit[:, LOW] + deadband[:, LOW]))
    return c


def _has(alarms: npt.NDArray[Any], flag: int) -> Bools:
    found: Bools = alarms["flags"] & flag != 0
    return found


# What is said.


def _events(state: State, samples: Samples, change: Change) -> list[tuple[int, Event]]:
    """Point by point: returns before raises, and in each HH, H, LL, L (R3)."""
    both = np.concatenate([change.returned, change.raised], axis=1)
    rows, places = np.nonzero(both)
    if not len(rows):
        return []
    levels = places % 4
    alarms = change.alarms[rows, levels]
    table = state.profile_table()
    subsumed = change.active[rows, levels & ~1] & (levels & 1 == 1)
    profile = alarms["profile"]
    columns: tuple[list[Any], ...] = (
        samples.order[rows].tolist(), (places >= 4).tolist(), levels.tolist(), samples.slots[rows].tolist(),
        state.place[samples.slots[rows]].tolist(), state.tags[samples.slots[rows]].tolist(),
        samples.t[rows].tolist(), samples.value[rows].tolist(), samples.quality[rows].tolist(),
        samples.at[rows].tolist(), alarms["limit"].tolist(), alarms["flags"].tolist(), alarms["occ"].tolist(),
        alarms["since"].tolist(), subsumed.tolist(), table["priority"][profile].tolist(),
        table["realarm"][profile].tolist(),
    )  # fmt: skip
    return [(row[0], _event(state, *row[1:])) for row in zip(*columns, strict=True)]


def _event(
    state: State, is_raise: bool, level: int, slot: int, place: int, tag: str, t: int, value: float, quality: int,
    at: int, limit: float, flags: int, occ: int, since: int, subsumed: bool, priority: int, realarm: int,
) -> Event:  # fmt: skip
    """One raise or return; keeps what stands beside the columns."""
    where = state.places[place]
    name = LEVELS[level]
    key = slot * 4 + level
    if is_raise:
        identity = alarm_id(where.enterprise, tag, name, t, 1)
        standing = state.standing[key] = Standing(identity, since)
        if not subsumed:
            standing.annunciated_t = t
            standing.realarm_due = NEVER if realarm == NEVER else t + realarm
        shown = Shown.UNACK
    else:
        standing = state.standing[key]
        identity = standing.alarm_id
        standing.realarm_due = standing.confirm_at = NEVER
        standing.annunciated_t = BEFORE
        shown = RETURNED[flags & (UNACKED | LATCHED)]
    event = Event(
        t=t, alarm=name, ev=Ev.ACTIVE if is_raise else Ev.RTN, enterprise=where.enterprise, source=where.source,
        tag=tag, alarm_id=identity, priority=priority, state=shown, since=since, occ=occ,
        ann=not subsumed if is_raise else None, q=STATUS[quality], value=value, limit=limit, unit=where.unit or None,
        received_at=at, exercise=where.exercise,
    )  # fmt: skip
    if shown is Shown.NORM:
        del state.standing[key]
    else:
        standing.last = event
    return event


RETURNED = {0: Shown.NORM, UNACKED: Shown.RTNUN, LATCHED: Shown.LATAK, UNACKED | LATCHED: Shown.LATUN}


# What is kept.


def _write(state: State, samples: Samples, change: Change) -> None:
    slots, t, alarms = samples.slots, samples.t, change.alarms
    state.alarms[slots] = alarms
    state.last_t[slots] = t
    state.value[slots] = samples.value
    state.quality[slots] = samples.quality
    state.skew[slots] = samples.at - t
    fired = (change.returned | change.raised).any(axis=1)
    state.fired_t[slots[fired]] = t[fired]
    timer = np.minimum(_delays(change), _realarms(state, samples, change))
    state.timer_due[slots] = timer
    state.fence[slots] = np.minimum(timer, t + state.stale_ms.take(slots))
    lo, hi = _quiet(state, change)
    state.quiet_lo[slots], state.quiet_hi[slots] = lo, hi
    state.dirty[slots // BLOCK] = True


def _delays(change: Change) -> Longs:
    """The earliest on- or off-delay of each point."""
    due = change.alarms["due"].copy()
    held = change.active[:, OUTER]
    due[:, INNER] = np.where(
        change.active[:, INNER] & held, NEVER, np.maximum(due[:, INNER], _outer_change(change))
    )  # fmt: skip
    running = change.c != change.active
    earliest: Longs = np.where(running, due, NEVER).min(axis=1)
    return earliest


def _outer_change(change: Change) -> Longs:
    """When the outer level last returned, for the return of its inner one (R7); of no meaning to a raise."""
    returning = change.active[:, INNER] & ~change.c[:, INNER]
    moved: Longs = np.where(returning, change.alarms["change_t"][:, OUTER], BEFORE)
    return moved


def _realarms(state: State, samples: Samples, change: Change) -> Longs:
    """When the first of each point is to be annunciated again."""
    earliest = np.full(len(samples), NEVER, np.int64)
    rows, levels = np.nonzero(change.active)
    keys = (samples.slots[rows] * 4 + levels).tolist()
    standing = state.standing
    np.minimum.at(earliest, rows, np.array([standing[key].realarm_due for key in keys], np.int64))
    return earliest


def _quiet(state: State, change: Change) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Between which values no condition flips (R4)."""
    alarms, c = change.alarms, change.c
    limit, profile = alarms["limit"], alarms["profile"]
    exists = profile >= 0
    deadband = state.profile_table()["deadband"][profile]
    lo, hi = np.full(limit.shape, -LARGEST), np.full(limit.shape, LARGEST)
    high_clear, low_clear = limit[:, HIGH] - deadband[:, HIGH], limit[:, LOW] + deadband[:, LOW]
    lo[:, HIGH] = np.where(c[:, HIGH], high_clear, -LARGEST)
    hi[:, HIGH] = np.where(c[:, HIGH], LARGEST, np.nextafter(limit[:, HIGH], -np.inf))
    lo[:, LOW] = np.where(c[:, LOW], -LARGEST, np.nextafter(limit[:, LOW], np.inf))
    hi[:, LOW] = np.where(c[:, LOW], low_clear, LARGEST)
    lowest: npt.NDArray[np.float64] = np.where(exists, lo, -LARGEST).max(axis=1)
    highest: npt.NDArray[np.float64] = np.where(exists, hi, LARGEST).min(axis=1)
    return lowest, highest
