"""Alarm events, in order, to occurrences: raised, returned, acknowledged by whom, superseded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from alerting.events import Ev, Event, State

SUPERSEDED = "SUPERSEDED"  # raised over before it was acknowledged; takes the acknowledgement of its successor
OWED = {State.UNACK, State.RTNUN, State.LATUN}  # states in which somebody still has to acknowledge
NOT_ABOUT_ONE = {Ev.REJECT, Ev.LATE_VIOLATION, Ev.BAD, Ev.GOOD, Ev.STALE, Ev.LATE, Ev.FUTURE}

Place = tuple[str, str, str]  # enterprise, tag, alarm


class Occurrence(msgspec.Struct):
    """From one raise of an alarm to the next; times are Unix milliseconds, `state` the shown state or SUPERSEDED."""

    alarm_id: str
    enterprise: str
    source: str
    tag: str
    alarm: str
    state: str
    raised_at: int
    epoch: str
    first_seq: int
    last_seq: int
    occ: int | None = None
    priority: int | None = None
    since: int | None = None
    returned_at: int | None = None
    acked_at: int | None = None
    acked_by: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    received_at: int | None = None
    emitted_at: int | None = None
    annunciated: bool = False
    late: bool = False
    exercise: bool = False
    unlogged: bool = False
    comment: str | None = None

    @property
    def place(self) -> Place:
        return self.enterprise, self.tag, self.alarm

    @property
    def is_offline(self) -> bool:
        """An excursion while offline: beside the life of its alarm, not a part of it (R15)."""
        return self.late and self.occ == 0


class Numbered(NamedTuple):
    """An event with its number for the outside."""

    seq: int
    event: Event


class Ack(NamedTuple):
    """Who acknowledged an alarm, and with it all its superseded occurrences before."""

    place: Place
    epoch: str
    seq: int
    at: int
    by: str | None


class Folded(NamedTuple):
    changed: list[Occurrence]
    acks: list[Ack]


def place_of(event: Event) -> Place:
    return event.enterprise, event.tag, event.alarm


def moving(events: Iterable[Numbered]) -> Iterator[Numbered]:
    """Those that say something of an occurrence."""
    return (one for one in events if one.event.alarm_id is not None and one.event.ev not in NOT_ABOUT_ONE)


def fold(known: Iterable[Occurrence], events: Iterable[Numbered], epoch: str) -> Folded:
    """What the events make of the occurrences.

    `known` holds every occurrence that an event names, and of each alarm that an event names the one not yet NORM.
    """
    by_id = {one.alarm_id: one for one in known}
    in_order = sorted(by_id.values(), key=lambda one: one.first_seq)
    newest = {one.place: one for one in in_order if not one.is_offline}
    changed: dict[str, Occurrence] = {}
    acks: list[Ack] = []
    for seq, event in moving(events):
        one = by_id.get(str(event.alarm_id))
        if event.ev is Ev.ACTIVE and one is None:
            before = None if event.is_offline else newest.get(place_of(event))
            if before is not None and before.state not in (State.NORM, SUPERSEDED):
                before.state = SUPERSEDED if before.state in OWED else State.NORM
                changed[before.alarm_id] = before
            one = begun(seq, event, epoch)
            by_id[one.alarm_id] = changed[one.alarm_id] = one
            if not one.is_offline:
                newest[one.place] = one
            continue
        if one is None or (one.epoch == epoch and seq <= one.last_seq):
            continue
        _move(one, seq, event, epoch)
        changed[one.alarm_id] = one
        if event.ev is Ev.ACK and not event.is_offline:
            acks.append(Ack(one.place, epoch, seq, event.t, event.user))
    return Folded(list(changed.values()), acks)


def begun(seq: int, event: Event, epoch: str) -> Occurrence:
    """A new occurrence."""
    return Occurrence(
        alarm_id=str(event.alarm_id),
        enterprise=event.enterprise,
        source=event.source,
        tag=event.tag,
        alarm=event.alarm,
        state=event.state or State.UNACK,
        raised_at=event.t,
        epoch=epoch,
        first_seq=seq,
        last_seq=seq,
        occ=event.occ,
        priority=event.priority,
        since=event.since,
        value=event.value,
        limit=event.limit,
        unit=event.unit,
        received_at=event.received_at,
        emitted_at=event.emitted_at,
        annunciated=bool(event.ann),
        late=event.late,
        exercise=event.exercise,
        unlogged=event.unlogged,
    )


def _move(one: Occurrence, seq: int, event: Event, epoch: str) -> None:
    one.last_seq, one.epoch = seq, epoch
    one.annunciated = one.annunciated or bool(event.ann)
    if event.comment:
        one.comment = event.comment
    if event.state is not None and one.state != SUPERSEDED:
        one.state = event.state
    match event.ev:
        case Ev.RTN:
            one.returned_at = event.t
        case Ev.ACK:
            one.acked_at, one.acked_by = event.t, event.user
        case _ if event.state in OWED and one.acked_at is not None:  # annunciated again: somebody must answer anew
            one.acked_at = one.acked_by = None
        case Ev.CONFIG if event.state is State.NORM and one.returned_at is None:  # its tag or its limit is gone
            one.returned_at = event.t
