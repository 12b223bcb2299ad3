"""A record of alarm events to the alarms that wear people out: chattering, fleeting and stale ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alerting.record import ACK, ACTIVE, RTN, AlarmName, Ints, Record

CHATTERING, CHATTERING_MS = 3, 60_000  # raises within a rolling 60 s (ISA-18.2, chapter 16)
FLEETING_MS = 10_000
STALE_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Chatterer:
    """An alarm raised three times or more in some rolling 60 s: `most` in one, from `first` to `last` (Unix ms)."""

    alarm: AlarmName
    raises: int  # that belong to such 60 s
    most: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fleeter:
    """An alarm that was raised and returned in under 10 s without an acknowledgement, `count` times."""

    alarm: AlarmName
    count: int
    shortest_ms: int
    last: int  # the return, Unix ms


@dataclass(frozen=True, slots=True)
class Stale:
    """An alarm active and visible for more than 24 h without a break; `until` None: it still is."""

    alarm: AlarmName
    since: int
    until: int | None


def chattering(record: Record, begin: int, end: int) -> list[Chatterer]:
    """Alarms with 3 ACTIVE in a rolling 60 s of event time, silenced ones too; the most raises first.

    Two raises exactly 60 s apart are not in one 60 s. The third belongs to the period in which it was heard of.
    """
    raises = np.flatnonzero(record.kind == ACTIVE)
    raises = raises[np.lexsort((record.t[raises], record.alarm[raises]))]
    alarm, t = record.alarm[raises], record.t[raises]
    last = np.zeros(len(raises), np.bool_)  # of three or more
    n = CHATTERING - 1
    last[n:] = (alarm[n:] == alarm[:-n]) & (t[n:] - t[:-n] < CHATTERING_MS)
    last &= _within(record.heard[raises], begin, end)
    belongs = last.copy()
    for before in range(1, CHATTERING):
        belongs[:-before] |= last[before:]
    found = []
    for place in np.unique(alarm[last]):
        mine = slice(*np.searchsorted(alarm, [place, place + 1]))
        times, ends, inside = t[mine], t[mine][last[mine]], t[mine][belongs[mine]]
        outside = np.searchsorted(times, ends - CHATTERING_MS, side="right")
        most = int((np.searchsorted(times, ends, side="right") - outside).max())
        found.append(Chatterer(record.alarms[place], len(inside), most, int(inside[0]), int(inside[-1])))
    return sorted(found, key=lambda one: (-one.raises, one.alarm))


def fleeting(record: Record, begin: int, end: int) -> list[Fleeter]:
    """Alarms ACTIVE to RTN in under 10 s of event time without an ACK in between; the most frequent first.

    Counted in the period in which the return was heard of.
    """
    rows = np.flatnonzero((record.kind == ACTIVE) | (record.kind == RTN) | (record.kind == ACK))
    alarm, kind, t = record.alarm[rows], record.kind[rows], record.t[rows]
    pair = np.flatnonzero((alarm[1:] == alarm[:-1]) & (kind[:-1] == ACTIVE) & (kind[1:] == RTN))
    lasted = t[pair + 1] - t[pair]
    pair = pair[(lasted < FLEETING_MS) & _within(record.heard[rows[pair + 1]], begin, end)]
    lasted = t[pair + 1] - t[pair]
    places, first, counts = np.unique(alarm[pair], return_index=True, return_counts=True)
    if not len(places):
        return []
    shortest, last = np.minimum.reduceat(lasted, first), np.maximum.reduceat(t[pair + 1], first)
    found = [
        Fleeter(record.alarms[place], int(count), int(short), int(at))
        for place, count, short, at in zip(places, counts, shortest, last, strict=True)
    ]
    return sorted(found, key=lambda one: (-one.count, one.alarm))


def stale(record: Record, begin: int, end: int) -> list[Stale]:
    """Alarms active and visible for more than 24 h at some time of the period, the oldest first.

    An overlay or a return ends it; a re-alarm or an acknowledgement does not.
    """
    alarm, heard = record.alarm, record.heard
    went_on = np.zeros(len(record), np.bool_)
    went_on[1:] = (alarm[1:] == alarm[:-1]) & record.stands[:-1] & (record.kind[1:] != ACTIVE)
    starts = np.flatnonzero(record.stands & ~went_on)
    breaks = np.append(np.flatnonzero(~(record.stands & went_on)), len(record))
    after = breaks[np.searchsorted(breaks, starts, side="right")]
    since, until = heard[starts], np.full(len(starts), end, np.int64)
    ended = np.append(alarm, -1)[after] == alarm[starts]
    until[ended] = np.minimum(heard[after[ended]], end)
    found = [
        Stale(record.alarms[alarm[starts[one]]], int(since[one]), int(until[one]) if until[one] < end else None)
        for one in np.flatnonzero((until - since > STALE_MS) & (until > begin))
    ]
    return sorted(found, key=lambda one: (one.since, one.alarm))


def most_stale_at_once(found: Sequence[Stale], begin: int, end: int) -> int:
    """The most of them that were stale at one moment of the period."""
    begins = np.sort(np.array([max(one.since + STALE_MS, begin) for one in found], np.int64))
    ends = np.sort(np.array([end if one.until is None else one.until for one in found], np.int64))
    over = np.arange(1, len(found) + 1) - np.searchsorted(ends, begins, side="right")
    return int(over.max(initial=0))


def _within(heard: Ints, begin: int, end: int) -> npt.NDArray[np.bool_]:
    return (heard >= begin) & (heard < end)
