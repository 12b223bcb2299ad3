"""Alarm events, from the journal or from memory, to the columns that the figures of merit are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alerting.events import Ev, Event, State

Ints = npt.NDArray[np.int64]

OTHER, ACTIVE, RTN, ACK = range(4)  # what a figure asks of an event's kind
KINDS = {Ev.ACTIVE: ACTIVE, Ev.RTN: RTN, Ev.ACK: ACK}
SAY_NOTHING = {Ev.REJECT, Ev.COMMENT, Ev.LATE_VIOLATION}  # of the state of an alarm
STANDING = {State.UNACK, State.ACKED}  # active, and under no overlay

KIND, ANNUNCIATED, STANDS, PRIORITY_SHIFT = 3, 4, 8, 4  # a code: kind in two bits, two flags, above them the priority
ROW = np.dtype([("seq", np.int64), ("heard", np.int64), ("t", np.int64), ("code", np.int16)])
Rows = npt.NDArray[Any]  # of ROW


class AlarmName(NamedTuple):
    """One alarm of one tag, or of a rule."""

    enterprise: str
    source: str
    tag: str
    alarm: str


@dataclass(frozen=True, slots=True)
class Record:
    """Events of alarms, those of one alarm together and in the order of the line. All columns are equally long.

    `alarm` is a place in `alarms`; `heard` the wall time at which people could hear of it, `t` the event time, both
    in Unix milliseconds; `kind` ACTIVE, RTN, ACK or OTHER; `stands` whether the alarm is active and visible from then
    on; `priority` 1 to 4, 0 where it has none.
    """

    alarms: tuple[AlarmName, ...]
    alarm: Ints
    heard: Ints
    t: Ints
    kind: Ints
    annunciated: npt.NDArray[np.bool_]
    stands: npt.NDArray[np.bool_]
    priority: Ints

    def __len__(self) -> int:
        return len(self.alarm)


class Piece(NamedTuple):
    """Events of one alarm out of one log; within a log `seq` grows with the order of the line."""

    log: int
    alarm: AlarmName
    rows: Rows


def counts(event: Event) -> bool:
    """Whether the figures know an event: no drill, no signal, and no excursion while offline, which nobody heard."""
    return not (
        event.exercise
        or event.alarm == "POINT"
        or event.ev in SAY_NOTHING
        or event.state is None
        or event.is_offline
    )  # fmt: skip


def of_events(events: Iterable[Event]) -> Record:
    """Events in the order of the line; those that do not count are left out."""
    return of_pieces(pieces(enumerate(events), log=0))


def pieces(events: Iterable[tuple[int, Event]], *, log: int) -> list[Piece]:
    """Numbered events by alarm."""
    found: dict[AlarmName, list[tuple[int, int, int, int]]] = {}
    for seq, event in events:
        if counts(event):
            heard = event.t if event.emitted_at is None else event.emitted_at
            name = AlarmName(event.enterprise, event.source, event.tag, event.alarm)
            found.setdefault(name, []).append((seq, heard, event.t, _code(event)))
    return [Piece(log, name, np.array(rows, ROW)) for name, rows in found.items()]


def of_pieces(found: Sequence[Piece]) -> Record:
    """Pieces in any order; a log with a greater number is a later one."""
    alarms = {name: place for place, name in enumerate(dict.fromkeys(piece.alarm for piece in found))}
    lengths = [len(piece.rows) for piece in found]
    rows: Rows = np.concatenate([piece.rows for piece in found]) if found else np.empty(0, ROW)
    alarm = np.repeat(np.array([alarms[piece.alarm] for piece in found], np.int64), lengths)
    log = np.repeat(np.array([piece.log for piece in found], np.int64), lengths)
    order = np.lexsort((rows["seq"], log, alarm))
    rows, alarm = rows[order], alarm[order]
    code = rows["code"].astype(np.int64)
    return Record(
        alarms=tuple(alarms),
        alarm=alarm,
        heard=np.ascontiguousarray(rows["heard"]),
        t=np.ascontiguousarray(rows["t"]),
        kind=code & KIND,
        annunciated=(code & ANNUNCIATED) != 0,
        stands=(code & STANDS) != 0,
        priority=code >> PRIORITY_SHIFT,
    )


def _code(event: Event) -> int:
    return (
        KINDS.get(event.ev, OTHER)
        + (ANNUNCIATED if event.ann else 0)
        + (STANDS if event.state in STANDING else 0)
        + ((event.priority or 0) << PRIORITY_SHIFT)
    )
